"""Section 5 of the contract, /v1/keys/rotate: new secrets replace the old ones."""

import base64
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send
from tests.support.servers.webhook_receiver import receiving
from tests.support.waiting import wait_until

PATH = "/keys/rotate"
INVALID_REQUEST = (1, 400)
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class Rotating(Partner):
    """A partner of a single test."""

    def __init__(self, up: Running) -> None:
        self.email = f"{uuid4().hex}@partner.example"
        created = up.json("partner", "create", "--email", self.email)
        up.json("partner", "set", self.email, "--budget", "1000000")
        super().__init__(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
        self.until_active()
        self.webhook_secret = str(created["webhookSecret"])

    def rotate(self, *names: str) -> Response:
        return self.call(PATH, {"rotate": list(names)})

    def signing_with(self, secret: str) -> Partner:
        return Partner(self.base_url, self.api_key, secret)


@pytest.fixture
def partner(up: Running) -> Rotating:
    return Rotating(up)


@pytest.fixture(scope="module")
def unchanged(up: Running) -> Rotating:
    """A partner whose rotations are all rejected, so that its secrets never change."""
    return Rotating(up)


def test_a_new_api_secret_replaces_the_old_one(partner: Rotating) -> None:
    data = partner.rotate("apiSecret").data
    assert list(data) == ["apiSecret"]
    assert SECRET.fullmatch(data["apiSecret"])
    assert data["apiSecret"] != partner.api_secret
    assert partner.call("/price", quote_request()).code == 3
    assert partner.signing_with(data["apiSecret"]).call("/price", quote_request()).code == 0


def test_every_worker_rejects_the_old_secret_from_the_response_on(partner: Rotating) -> None:
    """Each call opens a new connection, so that both workers are reached."""
    new = partner.signing_with(partner.rotate("apiSecret").data["apiSecret"])
    for _ in range(30):
        assert partner.call("/price", quote_request()).code == 3
        assert new.call("/price", quote_request()).code == 0


def test_both_secrets_are_replaced_by_one_call(partner: Rotating) -> None:
    data = partner.rotate("webhookSecret", "apiSecret").data
    assert set(data) == {"apiSecret", "webhookSecret", "standardWebhookSecret"}
    new = [data["apiSecret"], data["webhookSecret"]]
    assert all(SECRET.fullmatch(secret) for secret in new)
    assert len({*new, partner.api_secret, partner.webhook_secret}) == 4


def test_a_new_webhook_secret_does_not_change_the_api_secret(partner: Rotating) -> None:
    data = partner.rotate("webhookSecret").data
    assert list(data) == ["webhookSecret", "standardWebhookSecret"]
    encoded = base64.b64encode(data["webhookSecret"].encode()).decode()
    assert data["standardWebhookSecret"] == f"whsec_{encoded}"
    assert partner.call("/price", quote_request()).code == 0


@pytest.mark.parametrize("name", ["apiSecret", "webhookSecret"])
def test_consecutive_rotations_all_succeed(partner: Rotating, name: str) -> None:
    for _ in range(10):
        response = partner.rotate(name)
        assert response.code == 0, response.body
        partner.api_secret = response.data.get("apiSecret", partner.api_secret)


@pytest.mark.parametrize("name", ["apiSecret", "webhookSecret"])
def test_of_concurrent_rotations_of_the_api_secret_one_succeeds(
    partner: Rotating, name: str
) -> None:
    """Calls admitted before the change return a conflict; later ones have an old signature."""
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: partner.rotate(name), range(16)))
    succeeded = [response.data for response in responses if response.code == 0]
    failed = {response.code: response.status for response in responses if response.code}
    if name == "apiSecret":
        assert len(succeeded) == 1
        assert failed.items() <= {14: 409, 3: 401}.items()
        assert partner.signing_with(succeeded[0][name]).call("/price", quote_request()).code == 0
    else:
        assert succeeded
        assert failed.items() <= {14: 409}.items()


def test_a_conflict_returns_only_its_code_and_constant(partner: Rotating) -> None:

    def conflicts() -> list[Response]:
        with ThreadPoolExecutor(8) as pool:
            responses = list(pool.map(lambda _: partner.rotate("webhookSecret"), range(8)))
        return [response for response in responses if response.code == 14]

    conflict, *_ = wait_until(conflicts)
    assert conflict.status == 409
    assert conflict.body == b'{"code":14,"msg":"ROTATION_CONFLICT"}'


def test_no_call_with_the_old_secret_is_accepted_after_the_response(partner: Rotating) -> None:
    """A hundred concurrent callers use the old secret before, during and after the rotation."""
    calls: list[tuple[float, int]] = []
    finished = Event()

    def keep_calling(_: int) -> None:
        while not finished.is_set():
            began = time.monotonic()
            calls.append((began, partner.call("/price", quote_request()).code))

    with ThreadPoolExecutor(100) as pool:
        calling = pool.map(keep_calling, range(100))
        try:
            wait_until(lambda: len(calls))
            renewed = partner.signing_with(partner.rotate("apiSecret").data["apiSecret"])
            rotated_at = time.monotonic()
            codes = [renewed.call("/price", quote_request()).code for _ in range(20)]
            wait_until(lambda: any(began >= rotated_at for began, _ in calls))
        finally:
            finished.set()
        list(calling)  # raises the exceptions of the threads
    assert codes == [0] * 20
    assert {code for began, code in calls if began >= rotated_at} == {3}
    assert {code for _, code in calls} == {0, 3}


def test_a_call_with_a_replaced_secret_consumes_no_nonce(partner: Rotating) -> None:
    body = json.dumps(quote_request()).encode()
    nonce = uuid4().hex
    new = partner.signing_with(partner.rotate("apiSecret").data["apiSecret"])
    assert partner.post("/price", body, partner.headers(body, nonce=nonce)).code == 3
    assert new.post("/price", body, new.headers(body, nonce=nonce)).code == 0


def test_a_rotation_costs_one_unit_of_weight(partner: Rotating) -> None:
    remaining = partner.remaining_weight()
    response = partner.rotate("webhookSecret")
    assert response.headers["ratelimit"].startswith(f'"default";r={remaining - 1};')


def test_a_rotation_does_not_affect_another_partner(up: Running, partner: Rotating) -> None:
    other = Rotating(up)
    assert partner.rotate("apiSecret").code == 0
    assert other.call("/price", quote_request()).code == 0


@pytest.fixture
def delivered(up: Running) -> Iterator[tuple[Rotating, Any]]:
    partner = Rotating(up)
    with receiving(partner.webhook_secret) as receiver:
        up.json("partner", "set", partner.email, "--webhook-url", receiver.url)
        yield partner, receiver


def test_the_next_delivery_is_signed_with_the_new_webhook_secret(
    up: Running, delivered: tuple[Rotating, Any]
) -> None:
    partner, receiver = delivered
    receiver.secret = partner.rotate("webhookSecret").data["webhookSecret"].encode()
    order = partner.call("/create", order_request()).data
    up.json("sandbox", "deposit", order["id"])
    wait_until(lambda: receiver.statuses(order["id"]) or receiver.forged)
    assert receiver.forged == []


def test_no_secret_is_logged(up: Running, partner: Rotating) -> None:
    data = partner.rotate("apiSecret", "webhookSecret").data
    logs = [path.read_text() for path in (up.data_dir / "logs").iterdir()]
    assert logs
    secrets = {*data.values(), partner.api_secret, partner.webhook_secret}
    assert not [secret for secret in secrets for log in logs if secret in log]


BODIES = {
    "nothing": b"",
    "an empty object": b"{}",
    "null": b"null",
    "a list": b'["apiSecret"]',
    "a string": b'"apiSecret"',
    "a number": b"1",
    "not JSON": b"rotate",
    "a truncated object": b'{"rotate":["apiSecret"',
    "invalid UTF-8": b'{"rotate":["api\xffSecret"]}',
    "an empty list": b'{"rotate":[]}',
    "a string instead of the list": b'{"rotate":"apiSecret"}',
    "null instead of the list": b'{"rotate":null}',
    "an object instead of the list": b'{"rotate":{"apiSecret":true}}',
    "a boolean instead of the list": b'{"rotate":true}',
    "apiSecret twice": b'{"rotate":["apiSecret","apiSecret"]}',
    "webhookSecret twice": b'{"rotate":["webhookSecret","webhookSecret"]}',
    "both and one repeated": b'{"rotate":["apiSecret","webhookSecret","apiSecret"]}',
    "an unknown name": b'{"rotate":["apiKey"]}',
    "a known and an unknown name": b'{"rotate":["apiSecret","password"]}',
    "upper case": b'{"rotate":["APISECRET"]}',
    "snake case": b'{"rotate":["api_secret"]}',
    "a name with white space": b'{"rotate":[" apiSecret"]}',
    "an empty name": b'{"rotate":[""]}',
    "null instead of a name": b'{"rotate":[null]}',
    "a number instead of a name": b'{"rotate":[1]}',
    "a list in the list": b'{"rotate":[["apiSecret"]]}',
    "the field in another case": b'{"Rotate":["apiSecret"]}',
    "trailing characters": b'{"rotate":["apiSecret"]}x',
    "deeply nested": b'{"rotate":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
}


@pytest.mark.parametrize("case", BODIES)
def test_a_malformed_rotation_is_invalid_and_replaces_nothing(
    unchanged: Rotating, case: str
) -> None:
    body = BODIES[case]
    response = unchanged.post(PATH, body, unchanged.v2_headers(f"/v1{PATH}", body))
    assert (response.code, response.status) == INVALID_REQUEST
    assert unchanged.call("/price", quote_request()).code == 0, "nothing was replaced"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_returns_405(unchanged: Rotating, method: str) -> None:
    response = unchanged.post(
        PATH, b"", unchanged.v2_headers(f"/v1{PATH}", b"", method=method), method=method
    )
    assert (response.code, response.status, response.headers["allow"]) == (1, 405, "POST")


def test_a_rotation_requires_a_signature(unchanged: Rotating) -> None:
    body = b'{"rotate":["apiSecret"]}'
    assert send(f"{unchanged.base_url}/v1{PATH}", body).code == 2
    stranger = unchanged.signing_with("another secret")
    assert stranger.call(PATH, {"rotate": ["apiSecret"]}).code == 3
    assert unchanged.call("/price", quote_request()).code == 0


def test_unknown_fields_are_ignored(partner: Rotating) -> None:
    assert partner.call(PATH, {"rotate": ["webhookSecret"], "later": True}).code == 0
