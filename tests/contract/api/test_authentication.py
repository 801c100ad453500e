"""Sections 3 and 4 of the contract: authentication, weights and the errors of both."""

import hashlib
import hmac
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send
from tests.support.waiting import ALL_WORKERS, wait_until

BODY = json.dumps(quote_request()).encode()
REQUIRED = (2, 401, "AUTH_REQUIRED")
INVALID = (3, 401, "AUTH_INVALID")
UNAVAILABLE = (11, 503, "UPSTREAM_ERROR")


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    return up.partner()


def new_partner(up: Running, *settings: str) -> Partner:
    email = f"{uuid4().hex}@partner.example"
    created = up.json("partner", "create", "--email", email)
    if settings:
        up.json("partner", "set", email, *settings)
    new = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
    return new.until_active()


def error_of(response: Response) -> tuple[int, int, str]:
    document = response.json()
    assert set(document) == {"code", "msg"}
    return document["code"], response.status, document["msg"]


def test_a_signed_call_succeeds_with_rate_limit_headers(partner: Partner) -> None:
    response = partner.post("/price", BODY, partner.headers(BODY))
    assert response.code == 0
    assert response.headers["ratelimit-policy"] == '"default";q=2500;w=60'
    assert response.headers["ratelimit"].startswith('"default";r=')


def test_an_upper_case_signature_is_accepted(partner: Partner) -> None:
    headers = partner.headers(BODY)
    headers["X-API-SIGN"] = headers["X-API-SIGN"].upper()
    assert partner.post("/price", BODY, headers).code == 0


def test_the_signature_of_an_empty_body_covers_zero_bytes(partner: Partner) -> None:
    assert partner.post("/currencies", b"", partner.headers(b"")).code == 0
    assert error_of(partner.post("/currencies", b"{}", partner.headers(b""))) == INVALID
    assert error_of(partner.post("/currencies", b"", partner.headers(b"{}"))) == INVALID


@pytest.mark.parametrize("path", ["/create", "/order"])
def test_a_call_that_requires_a_signature_returns_auth_required_without_one(
    partner: Partner, path: str
) -> None:
    assert error_of(partner.post(path, b"{}", {})) == REQUIRED


@pytest.mark.parametrize("name", ["X-API-KEY", "X-API-SIGN", "X-API-NONCE"])
@pytest.mark.parametrize("path", ["/price", "/create"])
def test_one_of_the_three_headers_alone_returns_auth_required(
    partner: Partner, path: str, name: str
) -> None:
    headers = {name: partner.headers(BODY)[name]}
    assert error_of(partner.post(path, BODY, headers)) == REQUIRED


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
def test_every_invalid_header_returns_the_same_error(
    partner: Partner, changes: dict[str, str]
) -> None:
    assert error_of(partner.post("/price", BODY, {**partner.headers(BODY), **changes})) == INVALID


def test_a_missing_nonce_returns_auth_invalid(partner: Partner) -> None:
    headers = partner.headers(BODY)
    del headers["X-API-NONCE"]
    assert error_of(partner.post("/price", BODY, headers)) == INVALID


def test_a_nonce_is_accepted_once_by_all_workers_together(partner: Partner) -> None:
    headers = partner.headers(BODY)
    with ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda _: partner.post("/price", BODY, headers).code, range(32)))
    assert sorted(codes) == [0] + [3] * 31


def test_an_invalid_signature_consumes_no_nonce(partner: Partner) -> None:
    headers = partner.headers(BODY)
    assert error_of(partner.post("/price", BODY, {**headers, "X-API-SIGN": "0" * 64})) == INVALID
    assert partner.post("/price", BODY, headers).code == 0


def test_a_flipped_bit_in_signature_or_body_is_rejected(partner: Partner) -> None:
    body = b"{}"
    headers = partner.headers(body)

    def error(body: bytes, headers: dict[str, str]) -> object:
        """Return the error of a call that is repeated, as clients do, while the service is busy."""
        return wait_until(
            lambda: error_of(partner.post("/currencies", body, headers)),
            lambda found: found != UNAVAILABLE,
        )

    for bit in range(256):
        sign = bytearray.fromhex(headers["X-API-SIGN"])
        sign[bit // 8] ^= 1 << bit % 8
        assert error(body, {**headers, "X-API-SIGN": sign.hex()}) == INVALID
    for bit in range(8 * len(body)):
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        assert error(bytes(flipped), headers) == INVALID
    assert partner.post("/currencies", body, headers).code == 0


def test_the_body_is_validated_only_after_the_signature(partner: Partner) -> None:
    body = b"not json"
    headers = partner.headers(body)
    wrong = {**headers, "X-API-SIGN": "0" * 64}
    assert error_of(partner.post("/create", body, wrong)) == INVALID
    assert error_of(partner.post("/create", body, headers)) == (1, 400, "INVALID_REQUEST")


def test_an_unknown_code_does_not_fail_the_call(partner: Partner) -> None:
    assert partner.call("/price", quote_request(), code="nobodys").data["markupBps"] == 50
    assert partner.call("/price", quote_request(), code="").code == 0
    assert partner.call("/price", quote_request(), code="a.b.c").code == 0


def test_auth_disabled_is_returned_only_for_a_valid_signature(up: Running) -> None:
    email = f"{uuid4().hex}@partner.example"
    created = up.json("partner", "create", "--email", email)
    partner = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
    partner.until_active()
    up.json("partner", "disable", email)
    partner.until(4)
    stranger = Partner(up.base_url, partner.api_key, "another secret")
    assert error_of(partner.call("/price", quote_request())) == (4, 401, "AUTH_DISABLED")
    assert error_of(stranger.call("/price", quote_request())) == INVALID
    up.json("partner", "enable", email)
    partner.until(0)


@pytest.fixture(scope="module")
def small_budget(up: Running) -> Partner:
    return new_partner(up, "--budget", "200")


def test_an_exhausted_budget_returns_retry_after_and_rate_limit_headers(
    small_budget: Partner,
) -> None:
    headers = {"X-API-SIGN": "", "X-API-NONCE": "", "X-API-KEY": ""}
    remaining = small_budget.remaining_weight()
    while remaining >= 50:
        opened = small_budget.call("/create", order_request())
        remaining -= 50
        assert opened.code == 0
        assert opened.headers["ratelimit-policy"] == '"default";q=200;w=60'
        assert opened.headers["ratelimit"].startswith(f'"default";r={remaining};t=')
    rejected = small_budget.call("/create", order_request())
    assert error_of(rejected) == (5, 429, "RATE_LIMIT")
    assert 1 <= int(rejected.headers["retry-after"]) <= 60
    assert rejected.headers["ratelimit"].startswith(f'"default";r={remaining};t=')
    codes = [small_budget.call("/price", quote_request()).code for _ in range(remaining + 1)]
    assert codes == [0] * remaining + [5]
    assert send(f"{small_budget.base_url}/v1/price", BODY).code == 0, (
        "unsigned calls are not counted"
    )
    assert error_of(small_budget.post("/price", BODY, headers)) == INVALID


def test_a_signature_with_another_partners_secret_is_rejected(
    up: Running, partner: Partner
) -> None:
    other = new_partner(up)
    assert error_of(Partner(up.base_url, partner.api_key, other.api_secret).call("/price", {})) == (
        INVALID
    )


def test_the_signature_is_hmac_sha256_in_lower_case_hex(partner: Partner) -> None:
    """Computed here independently of the client, from the key bytes and the body bytes."""
    sign = hmac.digest(partner.api_secret.encode("utf-8"), BODY, hashlib.sha256).hex()
    headers = {
        "x-api-key": partner.api_key,
        "x-api-sign": sign,
        "x-api-nonce": secrets.token_hex(8),
    }
    assert send(f"{partner.base_url}/api/v1/price", BODY, headers).code == 0


@pytest.mark.parametrize("version", ["0", "3", "02", "2.0", "v2", " ", "1, 2"])
def test_an_unknown_signature_version_is_invalid_for_any_key(
    partner: Partner, version: str
) -> None:
    for key in (partner.api_key, "unknown"):
        headers = {**partner.v2_headers("/v1/price", BODY), "X-API-KEY": key}
        response = partner.post("/price", BODY, {**headers, "X-API-SIGN-VERSION": version})
        assert error_of(response) == (1, 400, "INVALID_REQUEST")
    del headers["X-API-SIGN"]
    missing = partner.post("/price", BODY, {**headers, "X-API-SIGN-VERSION": version})
    assert error_of(missing) == REQUIRED, "missing headers are reported first"


def test_version_1_can_be_named(partner: Partner) -> None:
    headers = {**partner.headers(BODY), "X-API-SIGN-VERSION": "1"}
    assert partner.post("/price", BODY, headers).code == 0


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
def test_version_2_covers_the_path_as_sent_without_its_query(partner: Partner, prefix: str) -> None:
    headers = partner.v2_headers(f"{prefix}/price", BODY)
    assert send(f"{partner.base_url}{prefix}/price?from=here", BODY, headers).code == 0


def test_version_2_covers_the_reference_code_and_an_empty_body(partner: Partner) -> None:
    assert partner.call("/codes", method="GET", code="nobodys").code == 0


def test_a_key_that_requires_version_2_rejects_version_1_like_a_bad_signature(up: Running) -> None:
    email = f"{uuid4().hex}@partner.example"
    created = up.json("partner", "create", "--email", email)
    partner = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
    shown = {"email": email, "apiKey": partner.api_key, "signatureV2Only": False}
    assert up.json("key", "show", email) == {**shown, "signatureV2Used": False}
    partner.until_active()
    shown["signatureV2Only"] = True
    changed = up.json("key", "set", email, "--signature-v2-only")
    assert changed == {**shown, "signatureV2Used": True}
    wait_until(
        lambda: partner.post("/price", BODY, partner.headers(BODY)).code,
        (3).__eq__,
        consecutive=ALL_WORKERS,
    )
    assert error_of(partner.post("/price", BODY, partner.headers(BODY))) == INVALID
    assert partner.call("/price", quote_request()).code == 0
    up.json("key", "set", email, "--no-signature-v2-only")
    wait_until(
        lambda: partner.post("/price", BODY, partner.headers(BODY)).code,
        (0).__eq__,
        consecutive=ALL_WORKERS,
    )
