"""A query string changes nothing about a call of the API, which ignores it: all checks apply."""

import json
from collections.abc import Callable
from uuid import uuid4

import pytest

from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS
from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send

QUERY = "?a=1&amount=5&id=%2e%2e&%00&b"
DETAILS = {"X-API-DETAILS": "1"}
VARYING = {"ratelimit", "x-request-id", "date", "content-length", "retry-after"}
"""Headers whose values differ from call to call."""


class Caller:
    """A partner with keys of two scopes, and one who has spent its budget."""

    def __init__(self, up: Running) -> None:
        self.base_url = up.base_url
        self.partner, email = _partner(up, budget="1000000")
        reading = up.json("key", "create", email, "--scope", "read")
        self.reading = Partner(up.base_url, reading["apiKey"], reading["apiSecret"])
        self.forger = Partner(up.base_url, self.partner.api_key, "x" * 43)
        self._spending, _ = _partner(up, budget="50")

    @property
    def spent(self) -> Partner:
        """A partner who has spent its budget, for a minute."""
        assert self._spending.call("/create", {}).code in (1, 5)
        return self._spending

    def unsigned(self, endpoint: Endpoint, query: str, body: bytes, **headers: str) -> Response:
        url = f"{self.base_url}/v1{path_of(endpoint)}{query}"
        return send(url, body, headers, method=endpoint.method)


def _partner(up: Running, *, budget: str) -> tuple[Partner, str]:
    email = f"{uuid4().hex}@query.example"
    created = up.json("partner", "create", "--email", email)
    up.json("partner", "set", email, "--budget", budget)
    return Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])), email


@pytest.fixture(scope="module")
def caller(up: Running) -> Caller:
    return Caller(up)


def path_of(endpoint: Endpoint) -> str:
    return endpoint.path.replace("{id}", "018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47")


def signed(key: Partner, endpoint: Endpoint, query: str, body: bytes, **headers: str) -> Response:
    path, method = f"/v1{path_of(endpoint)}", endpoint.method
    sent = {**key.v2_headers(path, body, method=method), **headers}
    return key.post(path_of(endpoint) + query, body, sent, method=method)


def signed_v1(caller: Caller, endpoint: Endpoint, query: str) -> Response:
    key = caller.partner
    sent = key.headers(b"not JSON")
    return key.post(path_of(endpoint) + query, b"not JSON", sent, method=endpoint.method)


Probe = Callable[[Caller, Endpoint, str], Response]
PROBES: dict[str, Probe] = {
    "unsigned": lambda caller, one, query: caller.unsigned(one, query, b"[]"),
    "of another origin": lambda caller, one, query: caller.unsigned(
        one, query, b"[]", Origin="https://wallet.example"
    ),
    "a preflight": lambda caller, one, query: send(
        f"{caller.base_url}/v1{path_of(one)}{query}",
        headers={"Origin": "https://wallet.example", "Access-Control-Request-Method": one.method},
        method="OPTIONS",
    ),
    "half signed": lambda caller, one, query: caller.unsigned(
        one, query, b"[]", **{"X-API-KEY": caller.partner.api_key}
    ),
    "a wrong signature": lambda caller, one, query: signed(caller.forger, one, query, b"[]"),
    "a body of another type": lambda caller, one, query: signed(
        caller.partner, one, query, b"7", **DETAILS
    ),
    "no JSON": lambda caller, one, query: signed(caller.partner, one, query, b"not JSON"),
    "no JSON, signed by version 1": signed_v1,
    "an unknown version": lambda caller, one, query: signed(
        caller.partner, one, query, b"[]", **{"X-API-SIGN-VERSION": "3"}
    ),
    "another scope": lambda caller, one, query: signed(caller.reading, one, query, b"not JSON"),
    "no budget": lambda caller, one, query: signed(caller.spent, one, query, b"not JSON"),
    "a large body": lambda caller, one, query: signed(caller.partner, one, query, b" " * 65_537),
    "a wrong method": lambda caller, one, query: send(
        f"{caller.base_url}/v1{path_of(one)}{query}", headers=DETAILS, method="PATCH"
    ),
    "another case": lambda caller, one, query: send(
        f"{caller.base_url}/v1{path_of(one).upper()}{query}", b"{}", method=one.method
    ),
}


def seen(response: Response) -> tuple[int, bytes, list[str], dict[str, str]]:
    """Return what must not depend on the query string."""
    same = {name: value for name, value in response.headers.items() if name not in VARYING}
    return response.status, response.body, sorted(response.headers), same


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_a_rejected_call_is_rejected_alike_with_a_query_string(
    caller: Caller, endpoint: Endpoint, probe: str
) -> None:
    plain = seen(PROBES[probe](caller, endpoint, ""))
    for query in (QUERY, "?"):
        assert seen(PROBES[probe](caller, endpoint, query)) == plain


SUCCEEDING: dict[str, tuple[str, object]] = {
    "currencies": ("/currencies", {}),
    "pairs": ("/pairs", None),
    "a price": ("/price", quote_request()),
    "a quote": ("/quote", quote_request(region="DE")),
    "an order": ("/create", order_request()),
    "a list": ("/orders", {"limit": 1}),
    "statuses": ("/orders/status", {"ids": []}),
    "an address": ("/address/validate", {"ccy": "btc", "address": "x"}),
}


@pytest.mark.parametrize("name", SUCCEEDING)
def test_an_accepted_call_is_accepted_and_charged_alike(caller: Caller, name: str) -> None:
    path, request = SUCCEEDING[name]
    weights, kinds = [], []
    for query in ("", QUERY):
        before = caller.partner.remaining_weight()
        response = caller.partner.call(path + query, request)
        kinds.append((response.status, response.code, _shape(response.data)))
        weights.append(before - caller.partner.remaining_weight())
    assert kinds[0] == kinds[1]
    assert weights[0] == weights[1] > 1


def _shape(data: object) -> object:
    return sorted(data) if isinstance(data, dict) else type(data)


def test_a_nonce_is_used_up_whichever_of_both_uses_it_first(caller: Caller) -> None:
    key, body = caller.partner, b"{}"
    for first, second in (("", QUERY), (QUERY, "")):
        headers = key.v2_headers("/v1/pairs", body)
        assert key.post(f"/pairs{first}", body, headers).code == 0
        assert key.post(f"/pairs{second}", body, headers).code == 3


def test_an_idempotency_key_names_one_order_with_and_without_a_query_string(
    caller: Caller,
) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    first = caller.partner.call("/create", order_request(), **key).data
    again = caller.partner.call(f"/create{QUERY}", order_request(), **key).data
    assert (again["id"], again["token"]) == (first["id"], None)


def test_a_signature_that_covers_the_query_string_is_wrong(caller: Caller) -> None:
    key, body = caller.partner, json.dumps(quote_request()).encode()
    headers = key.v2_headers(f"/v1/price{QUERY}", body)
    assert key.post(f"/price{QUERY}", body, headers).code == 3
