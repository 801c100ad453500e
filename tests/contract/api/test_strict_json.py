"""Section 1 of the contract, bodies: what is JSON of the right shape, and what isn't."""

import json
from typing import Any

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send

QUOTE = json.dumps(quote_request(), separators=(",", ":")).encode()
ORDER = json.dumps(order_request(), separators=(",", ":")).encode()
UNKNOWN_ORDER = {"id": "018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47", "token": "t" * 43}
MOST = 64 * 1024

Case = tuple[str, bytes]


@pytest.fixture(scope="session")
def partner(up: Running) -> Partner:
    return up.partner()


def also(members: bytes, *, to: bytes = QUOTE) -> bytes:
    """Return a body with more members."""
    return to[:-1] + b"," + members + b"}"


def with_amount(literal: bytes) -> bytes:
    return QUOTE.replace(b'"0.01"', literal)


def table(*cases: Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "body", [body for _, body in cases], ids=[name for name, _ in cases]
    )


def price(up: Running, body: bytes) -> Response:
    return send(f"{up.base_url}/v1/price", body)


def is_refused(answer: Response) -> None:
    assert (answer.status, answer.json()) == (400, {"code": 1, "msg": "INVALID_REQUEST"})


@table(
    ("required", also(b'"type":"float"')),
    ("required, another value", also(b'"type":"fixed"')),
    ("amount", also(b'"amount":"0.02"')),
    ("in an escaped spelling", also(b'"t\\u0079pe":"float"')),
    ("optional, both null", also(b'"afftax":null,"afftax":null')),
    ("unknown", also(b'"x":1,"x":1')),
    ("unknown, one empty name", also(b'"":1,"":1')),
    ("deep in an unknown object", also(b'"x":{"y":{"z":1,"z":1}}')),
    ("in an object in a list", also(b'"x":[0,[{"z":1,"z":1}]]')),
    ("in the amount", with_amount(b'{"x":1,"x":1}')),
    ("beside colons in strings", also(b'"x":"::::","x":"::::"')),
    ("in two spellings of one letter", also('"é":1,"\\u00e9":1'.encode())),
    ("far apart", also(b'"x":"' + b" " * 60_000 + b'","x":1')),
)
def test_a_name_that_stands_there_twice_is_refused(up: Running, body: bytes) -> None:
    is_refused(price(up, body))


@table(
    ("a colon in a value", also(b'"x":"a:b"')),
    ("a colon in a name", also(b'"a:b":1')),
    ("one name at two depths", also(b'"x":{"type":1,"x":{"type":2}}')),
    ("one name in two objects of a list", also(b'"x":[{"y":1},{"y":2}]')),
    ("names that differ in case", also(b'"Type":1,"TYPE":2')),
    ("two ways of writing a letter", also('"\u00e9":1,"e\u0301":2'.encode())),
    ("a quote in a name", also(b'"\\"type":1')),
    ("values alike", also(b'"x":"type","y":"type"')),
)
def test_names_that_only_look_alike_are_fine(up: Running, body: bytes) -> None:
    assert price(up, body).code == 0


@table(
    ("nothing", b""),
    ("white space", b" \n"),
    ("null", b"null"),
    ("true", b"true"),
    ("a number", b"1"),
    ("a string", b'"{}"'),
    ("a list", b"[" + QUOTE + b"]"),
    ("a list of values", b'["float","btc","usdt_trc20","from","0.01"]'),
    ("an open object", QUOTE[:-1]),
    ("half a body", QUOTE[: len(QUOTE) // 2]),
    ("something after it", QUOTE + b"x"),
    ("a NUL after it", QUOTE + b"\0"),
    ("a second one", QUOTE + QUOTE),
    ("a comma at the end", QUOTE[:-1] + b",}"),
    ("a comma too many", QUOTE.replace(b",", b",,", 1)),
    ("no comma", QUOTE.replace(b",", b" ", 1)),
    ("no colon", QUOTE.replace(b":", b" ", 1)),
    ("equals for a colon", QUOTE.replace(b":", b"=", 1)),
    ("a wide colon", QUOTE.replace(b":", "\uff1a".encode(), 1)),
    ("single quotes", QUOTE.replace(b'"', b"'")),
    ("names without quotes", QUOTE.replace(b'"type"', b"type")),
    ("a comment", b"/* a quote */" + QUOTE),
    ("a comment within", QUOTE.replace(b",", b", // next\n", 1)),
    ("NaN", also(b'"x":NaN')),
    ("Infinity", also(b'"x":-Infinity')),
    ("undefined", also(b'"x":undefined')),
    ("Python's True", also(b'"x":True')),
    ("half a word", also(b'"x":tru')),
    ("a zero in front", also(b'"x":01')),
    ("a point at the end", also(b'"x":1.')),
    ("a point in front", also(b'"x":.5')),
    ("a plus", also(b'"x":+1')),
    ("a lonely minus", also(b'"x":-')),
    ("no exponent after e", also(b'"x":1e')),
    ("hexadecimal", also(b'"x":0x10')),
    ("a bad escape", also(b'"x":"\\x41"')),
    ("a bad unicode escape", also(b'"x":"\\u12G4"')),
    ("a short unicode escape", also(b'"x":"\\u12"')),
    ("an open string", also(b'"x":"')),
    ("a raw line feed", also(b'"x":"\n"')),
    ("a raw tab", also(b'"x":"\t"')),
    ("a raw NUL", also(b'"x":"\0"')),
    ("a raw NUL in a name", also(b'"\0":1')),
    ("a vertical tab in front", b"\x0b" + QUOTE),
    ("a no-break space in front", "\u00a0".encode() + QUOTE),
    ("form data", b"type=float&fromCcy=btc&toCcy=usdt_trc20&direction=from&amount=0.01"),
    ("XML", b"<quote/>"),
)
def test_what_is_not_one_json_object_is_refused(up: Running, body: bytes) -> None:
    is_refused(price(up, body))


@table(
    ("a byte order mark", b"\xef\xbb\xbf" + QUOTE),
    ("UTF-16", QUOTE.decode().encode("utf-16")),
    ("UTF-16 without a mark", QUOTE.decode().encode("utf-16-le")),
    ("UTF-32", QUOTE.decode().encode("utf-32")),
    ("Latin-1", also(b'"x":"\xe9"')),
    ("a stray byte", also(b'"x":"\xff"')),
    ("a stray byte in a name", also(b'"\xff":1')),
    ("a stray byte in a known field", QUOTE.replace(b"btc", b"bt\xff")),
    ("a stray byte in the amount", with_amount(b'"0.01\xff"')),
    ("an overlong form", also(b'"x":"\xc0\xaf"')),
    ("a surrogate in UTF-8", also(b'"x":"\xed\xa0\x80"')),
    ("beyond Unicode", also(b'"x":"\xf4\x90\x80\x80"')),
    ("cut off within a letter", also(b'"x":"\xc3"')),
    ("half a pair, high", also(b'"x":"\\ud800"')),
    ("half a pair, high, in a known field", QUOTE.replace(b"btc", b"\\ud800")),
    ("half a pair, low, in a known field", QUOTE.replace(b"btc", b"\\udc00")),
    ("a pair the wrong way round", QUOTE.replace(b"btc", b"\\udc00\\ud800")),
    ("half a pair in the amount", with_amount(b'"\\ud800"')),
)
def test_what_is_not_utf_8_is_refused(up: Running, body: bytes) -> None:
    is_refused(price(up, body))


@table(
    ("letters of any script", also('"x":"\u00e9\u4e2d\U0001f600"'.encode())),
    ("a whole pair", also(b'"x":"\\ud83d\\ude00"')),
    ("an escaped NUL in what is ignored", also(b'"x":"\\u0000"')),
    ("white space around", b" \t\r\n" + QUOTE + b"\r\n\t "),
    ("white space within", json.dumps(quote_request(), indent=4).encode()),
    ("escaped names", QUOTE.replace(b'"type"', b'"\\u0074ype"')),
    ("escaped values", QUOTE.replace(b'"btc"', b'"\\u0062tc"')),
    ("an escaped amount", with_amount(b'"\\u0030.01"')),
    ("a long number ignored", also(b'"x":' + b"9" * 60_000)),
    ("a large exponent ignored", also(b'"x":1e99999')),
    ("a hundred levels ignored", also(b'"x":' + b"[" * 100 + b"]" * 100)),
    ("another order of members", json.dumps(dict(reversed(quote_request().items()))).encode()),
)
def test_what_json_allows_is_accepted(up: Running, body: bytes) -> None:
    assert price(up, body).code == 0


@table(
    ("open lists", b"[" * 30_000),
    ("lists", b"[" * 30_000 + b"]" * 30_000),
    ("open objects", b'{"a":' * 12_000),
    ("objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    ("lists in an unknown field", also(b'"x":' + b"[" * 30_000 + b"]" * 30_000)),
    ("objects in an unknown field", also(b'"x":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000)),
    ("lists as the amount", with_amount(b"[" * 30_000 + b"]" * 30_000)),
    ("lists as a code", QUOTE.replace(b'"btc"', b"[" * 30_000 + b"]" * 30_000)),
    ("a deep repeat", also(b'"x":' + b"[" * 20_000 + b'{"y":1,"y":1}' + b"]" * 20_000)),
)
def test_depth_bombs_are_refused(up: Running, body: bytes) -> None:
    is_refused(price(up, body))
    assert price(up, QUOTE).code == 0, "the worker lives on"


@pytest.mark.parametrize(
    ("literal", "code"),
    [
        *((b"0", 0), (b"50", 0), (b"2000", 0), (b"null", 0), (b"-0", 0)),
        *((b"2001", 1), (b"-1", 1), (b"1.0", 1), (b"1e2", 1), (b"-0.0", 1), (b"0.0", 1)),
        *((b"010", 1), (b"+1", 1), (b"1_000", 1), (b'"50"', 1), (b"true", 1), (b"[50]", 1)),
        *((b"{}", 1), (b"9223372036854775808", 1), (b"18446744073709551616", 1)),
        *((b"1e400", 1), (b"-1e400", 1), (b"9" * 400, 1), (b"9" * 60_000, 1)),
        *((b"0." + b"0" * 400 + b"1", 1), ("\u0665".encode(), 1), (b"NaN", 1)),
    ],
    ids=lambda value: value[:24].decode() if isinstance(value, bytes) else None,
)
def test_a_markup_is_a_whole_number_and_nothing_else(
    partner: Partner, literal: bytes, code: int
) -> None:
    body = also(b'"afftax":' + literal)
    answer = partner.post("/price", body, partner.headers(body))
    assert answer.code == code
    assert answer.status == (400 if code else 200)


@pytest.mark.parametrize(
    ("literal", "code"),
    [
        *((b"0.01", 0), (b'"0.01"', 0), (b"0.01000000", 0), (b'"0.01000000"', 0), (b'"00.01"', 0)),
        *((b"-0", 1), (b"-0.01", 1), (b"1e-2", 1), (b"1E-2", 1), (b"1e0", 1), (b"0e0", 1)),
        *((b'"1e-2"', 1), (b'" 0.01"', 1), (b'"0.01 "', 1), (b'"0.01\\n"', 1), (b'"\\t0.01"', 1)),
        *((b'"0.01\\u0000"', 1), (b'"\\u0000"', 1), ('"\u0660.\u0661"'.encode(), 1)),
        *((b'"\\uff10.01"', 1), (b'"0,01"', 1), (b'"0.0.1"', 1), (b'"+0.01"', 1), (b'"0x1"', 1)),
        *((b'"1_0"', 1), (b'"\xe2\x82\xbf0.01"', 1), (b"true", 1), (b"false", 1), (b"null", 1)),
        *((b'""', 1), (b'"."', 1), (b"[0.01]", 1), (b'{"value":"0.01"}', 1), (b'"0.010000000"', 1)),
        *((b"0.010000000", 1), (b"1e400", 1), (b"9" * 21, 1), (b"9" * 60_000, 1)),
        (b"0." + b"0" * 60_000 + b"1", 1),
    ],
    ids=lambda value: value[:24].decode() if isinstance(value, bytes) else None,
)
def test_an_amount_is_plain_digits_as_string_or_number(
    up: Running, literal: bytes, code: int
) -> None:
    answer = price(up, with_amount(literal))
    assert answer.code == code
    assert answer.status == (400 if code else 200)
    if code == 0:
        assert answer.data["from"]["amount"] == "0.01000000"


@pytest.mark.parametrize("path", ["/currencies", "/pairs"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        *((b"", 0), (b"{}", 0), (b" { } ", 0), (b'{"newer":1}', 0), (b'{"a":"b:c"}', 0)),
        *((b" ", 1), (b"[]", 1), (b"null", 1), (b'""', 1), (b"0", 1), (b"{", 1), (b"{}{}", 1)),
        *((b'{"a":1,"a":1}', 1), (b'{"a":"\xff"}', 1), (b"\xef\xbb\xbf{}", 1)),
    ],
    ids=lambda value: repr(value) if isinstance(value, bytes) else None,
)
def test_discovery_takes_an_empty_object_or_nothing(
    up: Running, path: str, body: bytes, code: int
) -> None:
    answer = send(f"{up.base_url}/v1{path}", body)
    assert answer.code == code
    assert answer.status == (400 if code else 200)


def test_a_body_of_exactly_64_kib_is_read_and_one_byte_more_is_not(up: Running) -> None:
    filled = also(b'"x":"' + b"y" * (MOST - len(QUOTE) - 7) + b'"')
    assert len(filled) == MOST
    assert price(up, filled).code == 0
    answer = price(up, filled + b" ")
    assert (answer.status, answer.code) == (413, 1)


NUL_FIELDS: list[tuple[str, dict[str, Any], str, int]] = [
    *(("/price", quote_request(), name, 1) for name in ("type", "fromCcy", "toCcy", "direction")),
    *(("/create", order_request(), name, 1) for name in ("toAddress", "refundAddress", "tag")),
    *(("/create", order_request(), name, 1) for name in ("fromNetwork", "toNetwork", "fromCcy")),
    *(("/order", UNKNOWN_ORDER, name, 6) for name in ("id", "token")),
    *(("/qr", UNKNOWN_ORDER, name, 6) for name in ("id", "token")),
    ("/emergency", {**UNKNOWN_ORDER, "choice": "EXCHANGE"}, "id", 6),
    ("/codes", {"code": "nul-code", "label": "x"}, "code", 1),
    ("/codes", {"code": "nul-label", "label": "x"}, "label", 1),
    ("/codes/enable", {"code": "nul-code"}, "code", 6),
    ("/keys/rotate", {"rotate": "apiSecret"}, "rotate", 1),
]


@pytest.mark.parametrize(
    ("path", "request_", "name", "code"),
    NUL_FIELDS,
    ids=[f"{path} {name}" for path, _, name, _ in NUL_FIELDS],
)
def test_a_nul_in_a_string_never_reaches_the_database(
    partner: Partner, path: str, request_: dict[str, Any], name: str, code: int
) -> None:
    """PostgreSQL's text can't hold it, and what isn't there must not be a defect."""
    whole = str(request_.get(name) or "")
    for value in ("\0", whole + "\0", "\0" + whole):
        answer = partner.call(path, {**request_, name: value})
        assert (answer.code, answer.status) == (code, 404 if code == 6 else 400)


@pytest.mark.parametrize("path", ["/create", "/order", "/qr", "/emergency", "/keys/rotate"])
@table(
    ("nothing", b""),
    ("an empty object", b"{}"),
    ("a list", b"[]"),
    ("no JSON", b"{"),
    ("another encoding", b'{"id":"\xff"}'),
    ("a name twice", b'{"id":"a","id":"a","token":"t","choice":"EXCHANGE","rotate":["apiSecret"]}'),
    ("a depth bomb", b"[" * 30_000),
)
def test_every_endpoint_is_as_strict(partner: Partner, path: str, body: bytes) -> None:
    is_refused(partner.post(path, body, partner.headers(body)))


def test_nothing_about_a_body_is_told_to_who_has_not_signed_it(up: Running) -> None:
    for body in (b"", b"{", b'{"id":1,"id":2}', b"[" * 30_000, ORDER):
        answer = send(f"{up.base_url}/v1/create", body)
        assert (answer.status, answer.code) == (401, 2)
