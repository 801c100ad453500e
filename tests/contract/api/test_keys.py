"""Section 5 of the contract, /v1/keys/rotate: new secrets, and the end of the old ones."""

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
from tests.support.clients.operator_command import operate
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send
from tests.support.servers.webhook_receiver import receiving
from tests.support.waiting import wait_until

PATH = "/keys/rotate"
INVALID_REQUEST = (1, 400)
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class Rotating(Partner):
    """A partner of one test alone."""

    def __init__(self, up: Running) -> None:
        self.email = f"{uuid4().hex}@partner.example"
        created = operate(up, "partner", "create", "--email", self.email)
        operate(up, "partner", "set", self.email, "--budget", "1000000")
        super().__init__(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
        self.until_known()
        self.webhook_secret = str(created["webhookSecret"])

    def rotate(self, *names: str) -> Response:
        return self.call(PATH, {"rotate": list(names)})

    def signing_with(self, secret: str) -> Partner:
        return Partner(self.base_url, self.api_key, secret)


@pytest.fixture
def partner(up: Running) -> Rotating:
    return Rotating(up)


@pytest.fixture(scope="module")
def refused(up: Running) -> Rotating:
    """A partner whose calls are all refused: it keeps its secrets."""
    return Rotating(up)


def test_a_new_api_secret_takes_the_place_of_the_old_one(partner: Rotating) -> None:
    data = partner.rotate("apiSecret").data
    assert list(data) == ["apiSecret"]
    assert SECRET.fullmatch(data["apiSecret"])
    assert data["apiSecret"] != partner.api_secret
    assert partner.call("/price", quote_request()).code == 3
    assert partner.signing_with(data["apiSecret"]).call("/price", quote_request()).code == 0


def test_the_old_secret_is_dead_on_every_worker_with_the_answer(partner: Rotating) -> None:
    """Each try opens a connection of its own, so that both workers get some."""
    new = partner.signing_with(partner.rotate("apiSecret").data["apiSecret"])
    for _ in range(30):
        assert partner.call("/price", quote_request()).code == 3
        assert new.call("/price", quote_request()).code == 0


def test_both_secrets_can_be_replaced_at_once(partner: Rotating) -> None:
    data = partner.rotate("webhookSecret", "apiSecret").data
    assert set(data) == {"apiSecret", "webhookSecret"}
    assert all(SECRET.fullmatch(secret) for secret in data.values())
    assert len({*data.values(), partner.api_secret, partner.webhook_secret}) == 4


def test_a_new_webhook_secret_leaves_the_api_secret_alone(partner: Rotating) -> None:
    data = partner.rotate("webhookSecret").data
    assert list(data) == ["webhookSecret"]
    assert partner.call("/price", quote_request()).code == 0


@pytest.mark.parametrize("name", ["apiSecret", "webhookSecret"])
def test_rotations_after_each_other_all_succeed(partner: Rotating, name: str) -> None:
    for _ in range(10):
        answer = partner.rotate(name)
        assert answer.code == 0, answer.body
        partner.api_secret = answer.data.get("apiSecret", partner.api_secret)


@pytest.mark.parametrize("name", ["apiSecret", "webhookSecret"])
def test_of_many_rotations_at_once_one_wins(partner: Rotating, name: str) -> None:
    """Those that were admitted in time learn of the conflict; later ones are signed too late."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: partner.rotate(name), range(16)))
    won = [answer.data for answer in answers if answer.code == 0]
    lost = {answer.code: answer.status for answer in answers if answer.code}
    if name == "apiSecret":
        assert len(won) == 1
        assert lost.items() <= {14: 409, 3: 401}.items()
        assert partner.signing_with(won[0][name]).call("/price", quote_request()).code == 0
    else:
        assert won
        assert lost.items() <= {14: 409}.items()


def test_a_conflict_says_nothing_but_that(partner: Rotating) -> None:

    def conflicts() -> list[Response]:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: partner.rotate("webhookSecret"), range(8)))
        return [answer for answer in answers if answer.code == 14]

    conflict, *_ = wait_until(conflicts)
    assert conflict.status == 409
    assert conflict.body == b'{"code":14,"msg":"ROTATION_CONFLICT"}'


def test_of_calls_in_flight_none_is_accepted_after_the_answer(partner: Rotating) -> None:
    """A hundred at a time with the old secret, before, during and after, on two workers."""
    calls: list[tuple[float, int]] = []
    over = Event()

    def knock(_: int) -> None:
        while not over.is_set():
            began = time.monotonic()
            calls.append((began, partner.call("/price", quote_request()).code))

    with ThreadPoolExecutor(100) as pool:
        knocking = pool.map(knock, range(100))
        try:
            wait_until(lambda: len(calls))
            first = partner.signing_with(partner.rotate("apiSecret").data["apiSecret"])
            answered = time.monotonic()
            codes = [first.call("/price", quote_request()).code for _ in range(20)]
            wait_until(lambda: any(began >= answered for began, _ in calls))
        finally:
            over.set()
        list(knocking)  # raises what a thread has raised
    assert codes == [0] * 20
    assert {code for began, code in calls if began >= answered} == {3}
    assert {code for _, code in calls} == {0, 3}


def test_a_replaced_secret_burns_no_nonce(partner: Rotating) -> None:
    body = json.dumps(quote_request()).encode()
    nonce = uuid4().hex
    new = partner.signing_with(partner.rotate("apiSecret").data["apiSecret"])
    assert partner.post("/price", body, partner.headers(body, nonce=nonce)).code == 3
    assert new.post("/price", body, new.headers(body, nonce=nonce)).code == 0


def test_a_rotation_costs_one_unit_of_weight(partner: Rotating) -> None:
    left = partner.remaining_weight()
    answer = partner.rotate("webhookSecret")
    assert answer.headers["ratelimit"].startswith(f'"default";r={left - 1};')


def test_another_partner_goes_on(up: Running, partner: Rotating) -> None:
    other = Rotating(up)
    assert partner.rotate("apiSecret").code == 0
    assert other.call("/price", quote_request()).code == 0


@pytest.fixture
def delivered(up: Running) -> Iterator[tuple[Rotating, Any]]:
    partner = Rotating(up)
    with receiving(partner.webhook_secret) as receiver:
        operate(up, "partner", "set", partner.email, "--webhook-url", receiver.url)
        yield partner, receiver


def test_the_next_delivery_is_signed_with_the_new_webhook_secret(
    up: Running, delivered: tuple[Rotating, Any]
) -> None:
    partner, receiver = delivered
    receiver.secret = partner.rotate("webhookSecret").data["webhookSecret"].encode()
    order = partner.call("/create", order_request()).data
    operate(up, "sandbox", "deposit", order["id"])
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
    "half of it": b'{"rotate":["apiSecret"',
    "bytes that are no UTF-8": b'{"rotate":["api\xffSecret"]}',
    "none named": b'{"rotate":[]}',
    "no list": b'{"rotate":"apiSecret"}',
    "null for the list": b'{"rotate":null}',
    "an object for the list": b'{"rotate":{"apiSecret":true}}',
    "a truth for the list": b'{"rotate":true}',
    "the same twice": b'{"rotate":["apiSecret","apiSecret"]}',
    "the other twice": b'{"rotate":["webhookSecret","webhookSecret"]}',
    "both and one again": b'{"rotate":["apiSecret","webhookSecret","apiSecret"]}',
    "an unknown name": b'{"rotate":["apiKey"]}',
    "an unknown name beside a known one": b'{"rotate":["apiSecret","password"]}',
    "another case": b'{"rotate":["APISECRET"]}',
    "snake case": b'{"rotate":["api_secret"]}',
    "a name with white space": b'{"rotate":[" apiSecret"]}',
    "an empty name": b'{"rotate":[""]}',
    "null for a name": b'{"rotate":[null]}',
    "a number for a name": b'{"rotate":[1]}',
    "a list in the list": b'{"rotate":[["apiSecret"]]}',
    "the field in another case": b'{"Rotate":["apiSecret"]}',
    "something after it": b'{"rotate":["apiSecret"]}x',
    "deeply nested": b'{"rotate":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
}


@pytest.mark.parametrize("case", BODIES)
def test_what_names_no_secret_is_invalid(refused: Rotating, case: str) -> None:
    body = BODIES[case]
    answer = refused.post(PATH, body, refused.headers(body))
    assert (answer.code, answer.status) == INVALID_REQUEST
    assert refused.call("/price", quote_request()).code == 0, "nothing was replaced"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_is_refused(refused: Rotating, method: str) -> None:
    answer = refused.post(PATH, b"", refused.headers(b""), method=method)
    assert (answer.code, answer.status, answer.headers["allow"]) == (1, 405, "POST")


def test_rotating_needs_a_signature(refused: Rotating) -> None:
    body = b'{"rotate":["apiSecret"]}'
    assert send(f"{refused.base_url}/v1{PATH}", body).code == 2
    stranger = refused.signing_with("another secret")
    assert stranger.call(PATH, {"rotate": ["apiSecret"]}).code == 3
    assert refused.call("/price", quote_request()).code == 0


def test_unknown_fields_are_ignored(partner: Rotating) -> None:
    assert partner.call(PATH, {"rotate": ["webhookSecret"], "later": True}).code == 0
