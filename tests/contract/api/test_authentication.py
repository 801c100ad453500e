"""Sections 3 and 4 of the contract: who may call, how often, and what each refusal says."""

import hashlib
import hmac
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send

BODY = json.dumps(quote_request()).encode()
REQUIRED = (2, 401, "AUTH_REQUIRED")
INVALID = (3, 401, "AUTH_INVALID")


@pytest.fixture(scope="session")
def partner(up: Running) -> Partner:
    return up.partner()


def new_partner(up: Running, *settings: str) -> Partner:
    email = f"{uuid4().hex}@partner.example"
    created = up.json("partner", "create", "--email", email)
    if settings:
        up.json("partner", "set", email, *settings)
    new = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
    return new.until_known()


def refusal(answer: Response) -> tuple[int, int, str]:
    document = answer.json()
    assert set(document) == {"code", "msg"}
    return document["code"], answer.status, document["msg"]


def test_a_signed_call_is_answered(partner: Partner) -> None:
    answer = partner.post("/price", BODY, partner.headers(BODY))
    assert answer.code == 0
    assert answer.headers["ratelimit-policy"] == '"default";q=2500;w=60'
    assert answer.headers["ratelimit"].startswith('"default";r=')


def test_an_upper_case_signature_is_accepted(partner: Partner) -> None:
    headers = partner.headers(BODY)
    headers["X-API-SIGN"] = headers["X-API-SIGN"].upper()
    assert partner.post("/price", BODY, headers).code == 0


def test_no_body_is_signed_as_zero_bytes(partner: Partner) -> None:
    assert partner.post("/currencies", b"", partner.headers(b"")).code == 0
    assert refusal(partner.post("/currencies", b"{}", partner.headers(b""))) == INVALID
    assert refusal(partner.post("/currencies", b"", partner.headers(b"{}"))) == INVALID


@pytest.mark.parametrize("path", ["/create", "/order"])
def test_calls_that_need_a_signature_say_so(partner: Partner, path: str) -> None:
    assert refusal(partner.post(path, b"{}", {})) == REQUIRED


@pytest.mark.parametrize("kept", ["X-API-KEY", "X-API-SIGN", "X-API-NONCE"])
@pytest.mark.parametrize("path", ["/price", "/create"])
def test_one_header_alone_is_not_a_signature(partner: Partner, path: str, kept: str) -> None:
    headers = {kept: partner.headers(BODY)[kept]}
    assert refusal(partner.post(path, BODY, headers)) == REQUIRED


@pytest.mark.parametrize(
    "changes",
    [
        {"X-API-KEY": "unknown"},
        {"X-API-KEY": ""},
        {"X-API-KEY": "x" * 5_000},
        {"X-API-SIGN": "0" * 64},
        {"X-API-SIGN": ""},
        {"X-API-SIGN": "zz" * 32},
        {"X-API-SIGN": "é" * 64},
        {"X-API-NONCE": ""},
        {"X-API-NONCE": "short"},
        {"X-API-NONCE": "x" * 65},
        {"X-API-NONCE": "not/base64url+1234"},
    ],
    ids=lambda changes: "-".join(f"{name}={value[:12]}" for name, value in changes.items()),
)
def test_everything_that_is_wrong_has_one_answer(partner: Partner, changes: dict[str, str]) -> None:
    assert refusal(partner.post("/price", BODY, {**partner.headers(BODY), **changes})) == INVALID


def test_a_missing_nonce_is_invalid(partner: Partner) -> None:
    headers = partner.headers(BODY)
    del headers["X-API-NONCE"]
    assert refusal(partner.post("/price", BODY, headers)) == INVALID


def test_a_nonce_works_once_on_all_workers_together(partner: Partner) -> None:
    headers = partner.headers(BODY)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: partner.post("/price", BODY, headers).code, range(32)))
    assert sorted(answers) == [0] + [3] * 31


def test_a_bad_signature_burns_no_nonce(partner: Partner) -> None:
    headers = partner.headers(BODY)
    assert refusal(partner.post("/price", BODY, {**headers, "X-API-SIGN": "0" * 64})) == INVALID
    assert partner.post("/price", BODY, headers).code == 0


def test_every_flipped_bit_is_refused(partner: Partner) -> None:
    body = b"{}"
    headers = partner.headers(body)
    for bit in range(256):
        sign = bytearray.fromhex(headers["X-API-SIGN"])
        sign[bit // 8] ^= 1 << bit % 8
        answer = partner.post("/currencies", body, {**headers, "X-API-SIGN": sign.hex()})
        assert refusal(answer) == INVALID
    for bit in range(8 * len(body)):
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        assert refusal(partner.post("/currencies", bytes(flipped), headers)) == INVALID
    assert partner.post("/currencies", body, headers).code == 0


def test_nothing_about_the_body_is_checked_before_the_signature(partner: Partner) -> None:
    body = b"not json"
    headers = partner.headers(body)
    wrong = {**headers, "X-API-SIGN": "0" * 64}
    assert refusal(partner.post("/create", body, wrong)) == INVALID
    assert refusal(partner.post("/create", body, headers)) == (1, 400, "INVALID_REQUEST")


def test_an_unknown_code_does_not_fail_the_call(partner: Partner) -> None:
    assert partner.call("/price", quote_request(), code="nobodys").data["markupBps"] == 50
    assert partner.call("/price", quote_request(), code="").code == 0
    assert partner.call("/price", quote_request(), code="a.b.c").code == 0


def test_a_disabled_partner_learns_it_only_by_a_right_signature(up: Running) -> None:
    email = f"{uuid4().hex}@partner.example"
    created = up.json("partner", "create", "--email", email)
    partner = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
    partner.until_known()
    up.json("partner", "disable", email)
    partner.until(4)
    stranger = Partner(up.base_url, partner.api_key, "another secret")
    assert refusal(partner.call("/price", quote_request())) == (4, 401, "AUTH_DISABLED")
    assert refusal(stranger.call("/price", quote_request())) == INVALID
    up.json("partner", "enable", email)
    partner.until(0)


@pytest.fixture(scope="module")
def poor(up: Running) -> Partner:
    return new_partner(up, "--budget", "200")


def test_a_spent_budget_says_when_to_come_back(poor: Partner) -> None:
    headers = {"X-API-SIGN": "", "X-API-NONCE": "", "X-API-KEY": ""}
    left = poor.remaining_weight()
    while left >= 50:
        opened = poor.call("/create", order_request())
        left -= 50
        assert opened.code == 0
        assert opened.headers["ratelimit-policy"] == '"default";q=200;w=60'
        assert opened.headers["ratelimit"].startswith(f'"default";r={left};t=')
    refused = poor.call("/create", order_request())
    assert refusal(refused) == (5, 429, "RATE_LIMIT")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith(f'"default";r={left};t=')
    codes = [poor.call("/price", quote_request()).code for _ in range(left + 1)]
    assert codes == [0] * left + [5]
    assert send(f"{poor.base_url}/v1/price", BODY).code == 0, "unsigned calls go on"
    assert refusal(poor.post("/price", BODY, headers)) == INVALID


def test_a_secret_of_another_partner_signs_nothing(up: Running, partner: Partner) -> None:
    other = new_partner(up)
    assert refusal(Partner(up.base_url, partner.api_key, other.api_secret).call("/price", {})) == (
        INVALID
    )


def test_the_signature_is_plain_hmac(partner: Partner) -> None:
    """Written out once more, apart from the client: key bytes, body bytes, lower-case hex."""
    sign = hmac.digest(partner.api_secret.encode("utf-8"), BODY, hashlib.sha256).hex()
    headers = {
        "x-api-key": partner.api_key,
        "x-api-sign": sign,
        "x-api-nonce": secrets.token_hex(8),
    }
    assert send(f"{partner.base_url}/api/v1/price", BODY, headers).code == 0
