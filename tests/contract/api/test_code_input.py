"""Section 5 of the contract, /v1/codes: codes, fields and bodies that are rejected."""

import pytest

from tests.conftest import Running
from tests.support.clients.code_owner import Owner, error_of

INVALID_REQUEST = (1, 400)
NOT_FOUND = (6, 404)


@pytest.fixture(scope="module")
def without_codes(up: Running) -> Owner:
    """A partner whose requests to create codes are all rejected."""
    return Owner(up)


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
