"""Web pages of any origin can make some unsigned calls, and no others (contract, section 23)."""

import json

import pytest

from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS
from tests.conftest import Running
from tests.support.clients.partner import Response, quote_request, send

PAGE = {"Origin": "https://wallet.example"}
AN_ID = "018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47"
AVAILABLE = {
    *(("POST", "/currencies"), ("POST", "/pairs"), ("POST", "/price"), ("POST", "/quote")),
    *(("POST", "/address/validate"), ("GET", "/status/{id}")),
}
OTHERS = [one for one in ENDPOINTS if (one.method, one.path) not in AVAILABLE]
SIGNED = {
    "only a key": {"X-API-KEY": "x"},
    "only a signature": {"X-API-SIGN": "x"},
    "only a nonce": {"X-API-NONCE": "x" * 16},
    "an invalid signature": {"X-API-KEY": "x", "X-API-SIGN": "x", "X-API-NONCE": "x" * 16},
}


def ids(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def preflight(up: Running, path: str, method: str, headers: str = "content-type") -> Response:
    asking = {
        **PAGE,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    return send(f"{up.base_url}{path.format(id=AN_ID)}", headers=asking, method="OPTIONS")


def cors_headers(response: Response) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if name.startswith("access-control-")
    }


def test_the_table_of_endpoints_declares_what_the_contract_lists() -> None:
    declared = {(one.method, one.path) for one in ENDPOINTS if one.any_origin}
    existing = {(one.method, one.path) for one in ENDPOINTS}
    assert declared == AVAILABLE & existing
    assert not [one for one in ENDPOINTS if one.any_origin and one.auth_required]


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.any_origin], ids=ids)
def test_a_preflight_permits_unsigned_calls(up: Running, endpoint: Endpoint, prefix: str) -> None:
    method, path = endpoint.method, endpoint.path
    response = preflight(up, prefix + path, method)
    assert (response.status, response.body) == (204, b"")
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-allow-methods"] == method
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-request-id"]


def test_a_preflight_permits_no_header_of_a_signature(up: Running) -> None:
    response = preflight(up, "/v1/price", "POST", "x-api-key,x-api-sign,x-api-nonce")
    permitted = response.headers["access-control-allow-headers"].lower()
    assert permitted == "content-type, x-request-id, x-api-details"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("endpoint", OTHERS, ids=ids)
def test_calls_that_have_to_be_signed_are_unavailable_to_pages(
    up: Running, endpoint: Endpoint
) -> None:
    method, path = endpoint.method, endpoint.path
    asked = preflight(up, f"/v1{path}", method)
    assert (asked.status, cors_headers(asked)) == (405, {})
    called = send(f"{up.base_url}/v1{path.format(id=AN_ID)}", b"{}", PAGE, method=method)
    assert cors_headers(called) == {}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/currencies", b"{}"),
        ("/pairs", b""),
        ("/price", json.dumps(quote_request()).encode()),
        ("/quote", json.dumps(quote_request()).encode()),
        ("/address/validate", b'{"ccy":"btc","address":"x"}'),
    ],
)
def test_unsigned_responses_can_be_read_by_any_page(up: Running, path: str, body: bytes) -> None:
    response = send(f"{up.base_url}/v1{path}", body, PAGE)
    assert response.code == 0
    assert cors_headers(response) == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "X-Request-Id, Retry-After",
    }


@pytest.mark.parametrize("path", ["/currencies", "/pairs"])
def test_calls_that_are_not_from_a_page_get_no_cors_headers(up: Running, path: str) -> None:
    response = send(f"{up.base_url}/v1{path}", b"{}")
    assert response.code == 0
    assert cors_headers(response) == {}


def test_failures_of_unsigned_calls_can_be_read_too(up: Running) -> None:
    rejected = send(f"{up.base_url}/v1/price", b"[]", PAGE)
    unknown = send(f"{up.base_url}/v1/status/{AN_ID}", headers=PAGE, method="GET")
    assert (rejected.code, unknown.code) == (1, 6)
    for response in (rejected, unknown):
        assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("path", ["/currencies", "/pairs", "/price"])
def test_a_call_with_any_header_of_a_signature_is_not_for_pages(
    up: Running, path: str, name: str
) -> None:
    response = send(f"{up.base_url}/v1{path}", b"{}", {**PAGE, **SIGNED[name]})
    assert response.code in (2, 3)
    assert cors_headers(response) == {}


@pytest.mark.parametrize(
    "headers",
    [{}, PAGE, {"Access-Control-Request-Method": "POST"}],
    ids=["neither header", "only an origin", "only a method"],
)
def test_options_without_a_preflight_is_a_wrong_method_as_before(
    up: Running, headers: dict[str, str]
) -> None:
    response = send(f"{up.base_url}/v1/price", headers=headers, method="OPTIONS")
    assert (response.status, response.code, response.headers["allow"]) == (405, 1, "POST")
    assert cors_headers(response) == {}


@pytest.mark.parametrize("path", ["/V1/price", "/v1/price/", "/v1/Price", "/v1/status/a/b"])
def test_a_preflight_of_a_path_that_does_not_exist_is_not_found(up: Running, path: str) -> None:
    response = preflight(up, path, "POST")
    assert response.status == 404
    assert cors_headers(response) == {}
