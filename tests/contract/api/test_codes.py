"""Section 5 of the contract, /v1/codes: reference codes, their markup and statistics."""

import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from uuid import UUID

import pytest

from tests.conftest import Running
from tests.support.clients.code_owner import DEFAULT_BPS, Owner, error_of, name
from tests.support.clients.partner import Partner, order_request, quote_request, send
from tests.support.waiting import ALL_WORKERS, wait_until

INVALID_REQUEST = (1, 400)
NOT_FOUND = (6, 404)
CODE_CONFLICT = (13, 409)
CENT = Decimal("0.01")


@pytest.fixture
def owner(up: Running) -> Owner:
    return Owner(up)


@pytest.fixture(scope="module")
def other(up: Running) -> Owner:
    return Owner(up, "--max-codes", "1000")


def test_a_new_code_has_the_fields_of_the_contract(owner: Owner) -> None:
    code = name()
    data = owner.create(code, label="Newsletter", afftaxBps=75).data
    assert list(data) == ["id", "code", "label", "afftaxBps", "enabled", "createdAt"]
    assert UUID(data["id"]).version == 7
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["createdAt"])
    age = datetime.now(UTC) - datetime.fromisoformat(data["createdAt"])
    assert abs(age) < timedelta(seconds=30)
    del data["id"], data["createdAt"]
    assert data == {"code": code, "label": "Newsletter", "afftaxBps": 75, "enabled": True}


def test_a_listed_code_also_has_statistics(owner: Owner) -> None:
    created = owner.create(name(), label="x", afftaxBps=1).data
    assert owner.codes() == [
        {**created, "orders": 0, "volumeUsd": "0.00", "earningsUsd": "0.00"},
    ]
    assert list(owner.codes()[0])[-3:] == ["orders", "volumeUsd", "earningsUsd"]


def test_a_partner_other_has_an_empty_list(owner: Owner) -> None:
    assert owner.codes() == []


@pytest.mark.parametrize(
    ("fields", "label", "afftax"),
    [
        ({}, None, None),
        ({"label": None, "afftaxBps": None}, None, None),
        ({"label": ""}, None, None),
        ({"label": " "}, None, None),
        ({"label": " " * 64}, None, None),
        ({"label": "\u00a0\u3000"}, None, None),
        ({"label": "x" * 64}, "x" * 64, None),
        ({"label": "😀" * 64}, "😀" * 64, None),
        ({"label": "Grüße, 日本 & <b>"}, "Grüße, 日本 & <b>", None),
        ({"label": "👩\u200d💻"}, "👩\u200d💻", None),
        ({"label": "'; DROP TABLE codes; --"}, "'; DROP TABLE codes; --", None),
        ({"afftaxBps": 0}, None, 0),
        ({"afftaxBps": 2000}, None, 2000),
        ({"later": {"a": [1]}}, None, None),
    ],
    ids=str,
)
def test_a_valid_label_and_markup_are_stored(
    other: Owner, fields: dict[str, object], label: str | None, afftax: int | None
) -> None:
    data = other.create(name(), **fields).data
    assert (data["label"], data["afftaxBps"]) == (label, afftax)
    assert other.codes()[0]["label"] == label


@pytest.mark.parametrize("shape", ["{}", "A-{}", "____{}", "{}-", "{}" + "x" * 24])
def test_a_code_of_valid_characters_is_created(other: Owner, shape: str) -> None:
    code = shape.format(secrets.token_hex(4))
    assert other.create(code).data["code"] == code


def test_a_code_of_four_characters_is_created(other: Owner) -> None:
    assert other.create(secrets.token_urlsafe(3)).code == 0


def test_codes_are_case_sensitive(other: Owner) -> None:
    code = f"Code-{secrets.token_hex(4)}"
    assert other.create(code).code == 0
    assert other.create(code.lower()).code == 0


def test_a_code_is_unique_across_all_partners(owner: Owner, other: Owner) -> None:
    code = name()
    assert owner.create(code).code == 0
    for partner in (owner, other):
        response = partner.create(code)
        assert error_of(response) == CODE_CONFLICT
        assert response.body == b'{"code":13,"msg":"CODE_CONFLICT"}'


def test_of_concurrent_requests_for_one_code_one_succeeds(up: Running) -> None:
    code, partners = name(), [Owner(up) for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda number: partners[number % 4].create(code), range(16)))
    assert sorted(response.code for response in responses) == [0] + [13] * 15
    assert sum(len(partner.codes()) for partner in partners) == 1


def test_concurrent_requests_do_not_exceed_the_maximum_number_of_codes(up: Running) -> None:
    owner = Owner(up, "--max-codes", "5")
    with ThreadPoolExecutor(50) as pool:
        responses = list(pool.map(lambda _: owner.create(name()), range(50)))
    assert sorted(response.code for response in responses) == [0] * 5 + [13] * 45
    assert len(owner.codes()) == 5


def test_a_disabled_code_counts_towards_the_maximum_and_is_never_reissued(
    up: Running, other: Owner
) -> None:
    owner, code = Owner(up, "--max-codes", "1"), name()
    assert owner.create(code).code == 0
    assert owner.disable(code).data is True
    assert error_of(owner.create(name())) == CODE_CONFLICT
    assert error_of(other.create(code)) == CODE_CONFLICT
    up.json("partner", "set", owner.email, "--max-codes", "2")
    assert owner.create(name()).code == 0


def test_the_newest_hundred_codes_are_listed_newest_first(up: Running) -> None:
    owner = Owner(up, "--max-codes", "200")
    names = [name() for _ in range(103)]
    for code in names:
        assert owner.create(code).code == 0
    assert owner.disable(names[-2]).code == 0
    listed = owner.codes()
    assert [item["code"] for item in listed] == names[::-1][:100]
    assert [item["enabled"] for item in listed] == [True, False] + [True] * 98


def test_the_signature_of_a_list_covers_zero_bytes(owner: Owner) -> None:
    headers = owner.headers(b"{}")
    assert owner.post("/codes", b"", headers, method="GET").code == 3
    assert owner.post("/codes", b"", owner.headers(b""), method="GET").code == 0


def test_disabling_and_enabling_may_be_repeated(owner: Owner) -> None:
    code = name()
    assert owner.create(code).code == 0
    assert [owner.disable(code).data for _ in range(2)] == [True, True]
    assert owner.codes()[0]["enabled"] is False
    assert [owner.enable(code).data for _ in range(2)] == [True, True]
    assert owner.codes()[0]["enabled"] is True


def test_another_partners_code_is_not_found(owner: Owner, other: Owner) -> None:
    code = name()
    assert owner.create(code).code == 0
    assert error_of(other.disable(code)) == error_of(other.enable(code)) == NOT_FOUND
    assert error_of(owner.disable(name())) == error_of(owner.enable(name())) == NOT_FOUND
    assert owner.codes()[0]["enabled"] is True
    assert code not in [item["code"] for item in other.codes()]


@pytest.mark.parametrize(
    ("path", "method"),
    [("/codes", "POST"), ("/codes", "GET"), ("/codes", "DELETE"), ("/codes/enable", "POST")],
)
def test_each_call_requires_a_signature_and_has_weight_one(
    up: Running, path: str, method: str
) -> None:
    owner, code = Owner(up), name()
    body = b"" if method == "GET" else json.dumps({"code": code}).encode()
    url = f"{owner.base_url}/v1{path}"
    assert error_of(send(url, body, method=method)) == (2, 401)
    wrong = Partner(owner.base_url, owner.api_key, "another secret")
    assert error_of(wrong.post(path, body, wrong.headers(body), method=method)) == (3, 401)
    remaining = owner.remaining_weight()
    response = owner.post(path, body, owner.headers(body), method=method)
    assert response.headers["ratelimit"].startswith(f'"default";r={remaining - 1};')
    assert response.headers["cache-control"] == "no-store"
    again = send(f"{owner.base_url}/api/v1{path}", body, owner.headers(body), method=method)
    assert again.code in (0, 6, 13)


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_another_method_of_codes_returns_the_three_allowed(other: Owner, method: str) -> None:
    response = other.post("/codes", b"", other.headers(b""), method=method)
    assert error_of(response) == (1, 405)
    assert response.headers["allow"] == "DELETE, GET, POST"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_another_method_of_enable_returns_the_one_allowed(other: Owner, method: str) -> None:
    response = other.post("/codes/enable", b"", other.headers(b""), method=method)
    assert error_of(response) == (1, 405)
    assert response.headers["allow"] == "POST"


def test_the_markup_of_the_call_precedes_that_of_the_code_and_of_the_partner(owner: Owner) -> None:
    marked, plain, free = name(), name(), name()
    assert owner.create(marked, afftaxBps=75).code == 0
    assert owner.create(plain).code == 0
    assert owner.create(free, afftaxBps=0).code == 0
    wait_until(
        lambda: (owner.markup(marked), owner.markup(free)), (75, 0).__eq__, consecutive=ALL_WORKERS
    )
    assert owner.markup(plain) == owner.markup(None) == DEFAULT_BPS
    assert owner.markup(marked, afftax=7) == owner.markup(None, afftax=7) == 7
    assert owner.markup(marked, afftax=0) == 0


def test_a_code_of_another_partner_falls_back_to_the_default_markup(
    owner: Owner, other: Owner
) -> None:
    code = name()
    assert other.create(code, afftaxBps=500).code == 0
    other.until_markup(code, 500)
    assert owner.markup(code) == owner.markup("nobodys") == DEFAULT_BPS


def test_a_change_of_a_code_takes_effect_on_every_worker(owner: Owner) -> None:
    code = name()
    assert owner.markup(code) == DEFAULT_BPS
    assert owner.create(code, afftaxBps=75).code == 0
    owner.until_markup(code, 75)
    assert owner.disable(code).code == 0
    owner.until_markup(code, DEFAULT_BPS)
    assert owner.enable(code).code == 0
    owner.until_markup(code, 75)


def test_an_order_is_opened_with_the_markup_of_its_code(owner: Owner) -> None:
    code = name()
    assert owner.create(code, afftaxBps=75).code == 0
    owner.until_markup(code, 75)
    order = owner.call("/create", order_request(), code=code).data
    assert order["markupBps"] == 75
    assert owner.codes()[0]["orders"] == 1
    assert owner.disable(code).code == 0
    owner.until_markup(code, DEFAULT_BPS)
    order = owner.call("/create", order_request(), code=code).data
    assert order["markupBps"] == DEFAULT_BPS
    assert owner.codes()[0]["orders"] == 1, "the second order is not attributed"


def test_statistics_count_orders_and_add_up_completed_ones(up: Running, owner: Owner) -> None:
    """Earnings are the markup's share of the volume."""
    code = name()
    assert owner.create(code, afftaxBps=200).code == 0
    owner.until_markup(code, 200)
    first = owner.call("/create", order_request(), code=code).data
    owner.call("/create", order_request(), code=code).data["id"]
    assert (owner.codes()[0]["orders"], owner.codes()[0]["volumeUsd"]) == (2, "0.00")
    up.json("sandbox", "deposit", first["id"])
    access = {"id": first["id"], "token": first["token"]}
    wait_until(lambda: owner.call("/order", access).data["status"], "DONE".__eq__)
    (listed,) = owner.codes()
    volume, earnings = Decimal(listed["volumeUsd"]), Decimal(listed["earningsUsd"])
    quoted = Decimal(owner.call("/price", quote_request()).data["from"]["usd"])
    assert listed["orders"] == 2
    assert abs(volume - quoted) < quoted / 100, "prices move a little"
    low, high = volume * 2 / 100, (volume + CENT) * 2 / 100
    assert low.quantize(CENT, ROUND_DOWN) <= earnings <= high
    assert volume == volume.quantize(CENT)
    assert earnings > 0
