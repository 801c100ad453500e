"""Section 5 of the contract, /v1/codes: reference codes, their markup and statistics."""

import json
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.operator_command import operate
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send
from tests.support.waiting import ALL_WORKERS, wait_until

INVALID_REQUEST = (1, 400)
NOT_FOUND = (6, 404)
CODE_CONFLICT = (13, 409)
DEFAULT_BPS = 30
CENT = Decimal("0.01")


def name() -> str:
    return f"code_{secrets.token_hex(6)}"


class Owner(Partner):
    """A partner that owns codes."""

    def __init__(self, up: Running, *settings: str) -> None:
        self.email = f"{uuid4().hex}@partner.example"
        markup = str(DEFAULT_BPS)
        created = operate(up, "partner", "create", "--email", self.email, "--markup-bps", markup)
        operate(up, "partner", "set", self.email, "--budget", "1000000", *settings)
        super().__init__(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
        self.until_known()

    def create(self, code: str, **fields: object) -> Response:
        return self.call("/codes", {"code": code, **fields})

    def codes(self) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = self.call("/codes", method="GET").data
        return data

    def disable(self, code: object) -> Response:
        return self.call("/codes", {"code": code}, method="DELETE")

    def enable(self, code: object) -> Response:
        return self.call("/codes/enable", {"code": code})

    def markup(self, code: str | None, **fields: object) -> int:
        markup: int = self.call("/price", quote_request(**fields), code=code).data["markupBps"]
        return markup

    def until_markup(self, code: str, expected: int) -> None:
        """Wait until every worker quotes with this markup for a code."""
        wait_until(lambda: self.markup(code), expected.__eq__, consecutive=ALL_WORKERS)


@pytest.fixture
def owner(up: Running) -> Owner:
    return Owner(up)


@pytest.fixture(scope="module")
def without_codes(up: Running) -> Owner:
    """A partner whose requests to create codes are all rejected."""
    return Owner(up)


@pytest.fixture(scope="module")
def other(up: Running) -> Owner:
    return Owner(up, "--max-codes", "1000")


def error_of(response: Response) -> tuple[int, int]:
    assert set(response.json()) == {"code", "msg"}
    return response.code, response.status


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


def test_a_partner_without_codes_has_an_empty_list(owner: Owner) -> None:
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


CODES: dict[str, object] = {
    "empty": "",
    "three characters": "abc",
    "33 characters": "x" * 33,
    "very long": "x" * 5_000,
    "a space inside": "ab cd",
    "a leading space": " abcd",
    "a trailing space": "abcd ",
    "a trailing line feed": "abcd\n",
    "a tab": "ab\tcd",
    "a NUL": "abcd\0",
    "a dot": "ab.cd",
    "a slash": "ab/cd",
    "a percent sign": "ab%2Fcd",
    "a plus": "ab+cd",
    "an umlaut": "grüße",
    "Arabic digits": "١٢٣٤",
    "wide letters": "\uff41\uff42\uff43\uff44",
    "a Cyrillic look-alike": "\u0441\u043ede",
    "an emoji": "code😀",
    "null": None,
    "a number": 1234,
    "a boolean": True,
    "a list": ["abcd"],
    "an object": {"code": "abcd"},
}


@pytest.mark.parametrize("case", CODES)
def test_a_malformed_code_is_not_created(without_codes: Owner, case: str) -> None:
    response = without_codes.call("/codes", {"code": CODES[case]})
    assert error_of(response) == INVALID_REQUEST


@pytest.mark.parametrize("case", CODES)
def test_a_malformed_code_is_neither_disabled_nor_enabled(without_codes: Owner, case: str) -> None:
    """Any string is an unknown code; any other type is an invalid request."""
    expected = NOT_FOUND if isinstance(CODES[case], str) else INVALID_REQUEST
    assert error_of(without_codes.disable(CODES[case])) == expected
    assert error_of(without_codes.enable(CODES[case])) == expected


FIELDS: dict[str, dict[str, object]] = {
    "a label of 65 characters": {"label": "x" * 65},
    "a label of 65 spaces": {"label": " " * 65},
    "a label with a NUL": {"label": "a\0b"},
    "a label with a line feed": {"label": "a\nb"},
    "a label with a tab": {"label": "a\tb"},
    "a label with an escape": {"label": "\x1b[31m"},
    "a label with a C1 control": {"label": "a\x85b"},
    "a label with a delete": {"label": "a\x7f"},
    "a label with a line separator": {"label": "a\u2028b"},
    "a label that is a number": {"label": 5},
    "a label that is a boolean": {"label": False},
    "a label that is a list": {"label": ["x"]},
    "a markup of -1": {"afftaxBps": -1},
    "a markup of 2001": {"afftaxBps": 2001},
    "a markup beyond 64 bits": {"afftaxBps": 2**70},
    "a markup with a fraction": {"afftaxBps": 1.5},
    "a markup with a point": {"afftaxBps": 1.0},
    "a markup that is text": {"afftaxBps": "75"},
    "a markup that is a boolean": {"afftaxBps": True},
    "a markup that is a list": {"afftaxBps": [75]},
    "a markup that is an object": {"afftaxBps": {}},
}


@pytest.mark.parametrize("case", FIELDS)
def test_an_invalid_label_or_markup_is_rejected(without_codes: Owner, case: str) -> None:
    assert error_of(without_codes.create("a-good-name", **FIELDS[case])) == INVALID_REQUEST


BODIES = {
    "nothing": b"",
    "an empty object": b"{}",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"abcd"',
    "a number": b"7",
    "not JSON": b"code=abcd",
    "a truncated object": b'{"code":"abcd"',
    "a trailing comma": b'{"code":"abcd",}',
    "single quotes": b"{'code':'abcd'}",
    "invalid UTF-8": b'{"code":"abcd\xff"}',
    "a lone surrogate": b'{"code":"abcd","label":"\\ud800"}',
    "a markup with an exponent": b'{"code":"abcd","afftaxBps":1e2}',
    "a markup of NaN": b'{"code":"abcd","afftaxBps":NaN}',
    "another case of the field": b'{"Code":"abcd"}',
    "trailing characters": b'{"code":"abcd"} x',
    "deeply nested": b'{"code":' + b"[" * 20_000,
}


@pytest.mark.parametrize("case", BODIES)
def test_a_malformed_body_is_rejected(without_codes: Owner, case: str) -> None:
    body = BODIES[case]
    calls = [("/codes", "POST")]
    if b"abcd" not in body or b"label" not in body:
        calls += [("/codes", "DELETE"), ("/codes/enable", "POST")]
    for path, method in calls:
        if b"afftax" in body and method + path != "POST/codes":
            continue
        response = without_codes.post(path, body, without_codes.headers(body), method=method)
        assert error_of(response) == INVALID_REQUEST, (method, path)


def test_rejected_requests_store_nothing(without_codes: Owner) -> None:
    assert without_codes.codes() == []


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
    operate(up, "partner", "set", owner.email, "--max-codes", "2")
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
def test_another_method_of_codes_returns_the_three_allowed(
    without_codes: Owner, method: str
) -> None:
    response = without_codes.post("/codes", b"", without_codes.headers(b""), method=method)
    assert error_of(response) == (1, 405)
    assert response.headers["allow"] == "DELETE, GET, POST"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_another_method_of_enable_returns_the_one_allowed(
    without_codes: Owner, method: str
) -> None:
    response = without_codes.post("/codes/enable", b"", without_codes.headers(b""), method=method)
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
    operate(up, "sandbox", "deposit", first["id"])
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
