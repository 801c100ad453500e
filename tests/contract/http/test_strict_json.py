"""Section 1 of the contract: which JSON bodies are accepted and which are invalid."""

import json
from typing import Any

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, order_request, quote_request, send

QUOTE = json.dumps(quote_request(), separators=(",", ":")).encode()
ORDER = json.dumps(order_request(), separators=(",", ":")).encode()
UNKNOWN_ORDER = {"id": "018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47", "token": "t" * 43}
MAX_BYTES = 64 * 1024

Case = tuple[str, bytes]


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    return up.new_partner()


def extended(members: bytes, *, to: bytes = QUOTE) -> bytes:
    """Return a body with additional members."""
    return to[:-1] + b"," + members + b"}"


def with_amount(literal: bytes) -> bytes:
    return QUOTE.replace(b'"0.01"', literal)


def table(*cases: Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "body", [body for _, body in cases], ids=[name for name, _ in cases]
    )


def price(up: Running, body: bytes) -> Response:
    return send(f"{up.base_url}/v1/price", body)


def is_invalid(response: Response) -> None:
    assert (response.status, response.json()) == (400, {"code": 1, "msg": "INVALID_REQUEST"})


@table(
    ("required", extended(b'"type":"float"')),
    ("required, another value", extended(b'"type":"fixed"')),
    ("amount", extended(b'"amount":"0.02"')),
    ("in an escaped spelling", extended(b'"t\\u0079pe":"float"')),
    ("optional, both null", extended(b'"afftax":null,"afftax":null')),
    ("unknown", extended(b'"x":1,"x":1')),
    ("unknown, one empty name", extended(b'"":1,"":1')),
    ("deep in an unknown object", extended(b'"x":{"y":{"z":1,"z":1}}')),
    ("in an object in a list", extended(b'"x":[0,[{"z":1,"z":1}]]')),
    ("in the amount", with_amount(b'{"x":1,"x":1}')),
    ("beside colons in strings", extended(b'"x":"::::","x":"::::"')),
    ("in two spellings of one letter", extended('"é":1,"\\u00e9":1'.encode())),
    ("far apart", extended(b'"x":"' + b" " * 60_000 + b'","x":1')),
)
def test_a_repeated_name_is_rejected_at_any_depth(up: Running, body: bytes) -> None:
    is_invalid(price(up, body))


@table(
    ("a colon in a value", extended(b'"x":"a:b"')),
    ("a colon in a name", extended(b'"a:b":1')),
    ("one name at two depths", extended(b'"x":{"type":1,"x":{"type":2}}')),
    ("one name in two objects of a list", extended(b'"x":[{"y":1},{"y":2}]')),
    ("names that differ in case", extended(b'"Type":1,"TYPE":2')),
    ("two normalization forms of a letter", extended('"\u00e9":1,"e\u0301":2'.encode())),
    ("a quote in a name", extended(b'"\\"type":1')),
    ("equal values", extended(b'"x":"type","y":"type"')),
)
def test_similar_but_distinct_names_are_accepted(up: Running, body: bytes) -> None:
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
    ("an unterminated object", QUOTE[:-1]),
    ("a truncated body", QUOTE[: len(QUOTE) // 2]),
    ("trailing characters", QUOTE + b"x"),
    ("a trailing NUL", QUOTE + b"\0"),
    ("a second one", QUOTE + QUOTE),
    ("a trailing comma", QUOTE[:-1] + b",}"),
    ("a comma too many", QUOTE.replace(b",", b",,", 1)),
    ("no comma", QUOTE.replace(b",", b" ", 1)),
    ("no colon", QUOTE.replace(b":", b" ", 1)),
    ("an equals sign instead of a colon", QUOTE.replace(b":", b"=", 1)),
    ("a wide colon", QUOTE.replace(b":", "\uff1a".encode(), 1)),
    ("single quotes", QUOTE.replace(b'"', b"'")),
    ("names without quotes", QUOTE.replace(b'"type"', b"type")),
    ("a comment", b"/* a quote */" + QUOTE),
    ("a comment within", QUOTE.replace(b",", b", // next\n", 1)),
    ("NaN", extended(b'"x":NaN')),
    ("Infinity", extended(b'"x":-Infinity')),
    ("undefined", extended(b'"x":undefined')),
    ("Python's True", extended(b'"x":True')),
    ("a truncated literal", extended(b'"x":tru')),
    ("a leading zero", extended(b'"x":01')),
    ("a trailing point", extended(b'"x":1.')),
    ("a leading point", extended(b'"x":.5')),
    ("a plus", extended(b'"x":+1')),
    ("a minus only", extended(b'"x":-')),
    ("no exponent after e", extended(b'"x":1e')),
    ("hexadecimal", extended(b'"x":0x10')),
    ("a bad escape", extended(b'"x":"\\x41"')),
    ("a bad unicode escape", extended(b'"x":"\\u12G4"')),
    ("a short unicode escape", extended(b'"x":"\\u12"')),
    ("an unterminated string", extended(b'"x":"')),
    ("a raw line feed", extended(b'"x":"\n"')),
    ("a raw tab", extended(b'"x":"\t"')),
    ("a raw NUL", extended(b'"x":"\0"')),
    ("a raw NUL in a name", extended(b'"\0":1')),
    ("a leading vertical tab", b"\x0b" + QUOTE),
    ("a leading no-break space", "\u00a0".encode() + QUOTE),
    ("form data", b"type=float&fromCcy=btc&toCcy=usdt_trc20&direction=from&amount=0.01"),
    ("XML", b"<quote/>"),
)
def test_anything_but_one_json_object_is_rejected(up: Running, body: bytes) -> None:
    is_invalid(price(up, body))


@table(
    ("a byte order mark", b"\xef\xbb\xbf" + QUOTE),
    ("UTF-16", QUOTE.decode().encode("utf-16")),
    ("UTF-16 without a mark", QUOTE.decode().encode("utf-16-le")),
    ("UTF-32", QUOTE.decode().encode("utf-32")),
    ("Latin-1", extended(b'"x":"\xe9"')),
    ("an invalid byte", extended(b'"x":"\xff"')),
    ("an invalid byte in a name", extended(b'"\xff":1')),
    ("an invalid byte in a known field", QUOTE.replace(b"btc", b"bt\xff")),
    ("an invalid byte in the amount", with_amount(b'"0.01\xff"')),
    ("an overlong form", extended(b'"x":"\xc0\xaf"')),
    ("a surrogate in UTF-8", extended(b'"x":"\xed\xa0\x80"')),
    ("beyond Unicode", extended(b'"x":"\xf4\x90\x80\x80"')),
    ("a truncated character", extended(b'"x":"\xc3"')),
    ("a lone high surrogate", extended(b'"x":"\\ud800"')),
    ("a lone high surrogate, in a known field", QUOTE.replace(b"btc", b"\\ud800")),
    ("a lone low surrogate, in a known field", QUOTE.replace(b"btc", b"\\udc00")),
    ("a reversed surrogate pair", QUOTE.replace(b"btc", b"\\udc00\\ud800")),
    ("a lone surrogate in the amount", with_amount(b'"\\ud800"')),
)
def test_anything_but_utf_8_is_rejected(up: Running, body: bytes) -> None:
    is_invalid(price(up, body))


@table(
    ("letters of any script", extended('"x":"\u00e9\u4e2d\U0001f600"'.encode())),
    ("a surrogate pair", extended(b'"x":"\\ud83d\\ude00"')),
    ("an escaped NUL in an ignored field", extended(b'"x":"\\u0000"')),
    ("white space around", b" \t\r\n" + QUOTE + b"\r\n\t "),
    ("white space within", json.dumps(quote_request(), indent=4).encode()),
    ("escaped names", QUOTE.replace(b'"type"', b'"\\u0074ype"')),
    ("escaped values", QUOTE.replace(b'"btc"', b'"\\u0062tc"')),
    ("an escaped amount", with_amount(b'"\\u0030.01"')),
    ("a long number ignored", extended(b'"x":' + b"9" * 60_000)),
    ("a large exponent ignored", extended(b'"x":1e99999')),
    ("a hundred levels ignored", extended(b'"x":' + b"[" * 100 + b"]" * 100)),
    ("another order of members", json.dumps(dict(reversed(quote_request().items()))).encode()),
)
def test_unusual_but_valid_json_is_accepted(up: Running, body: bytes) -> None:
    assert price(up, body).code == 0


@table(
    ("unterminated lists", b"[" * 30_000),
    ("lists", b"[" * 30_000 + b"]" * 30_000),
    ("unterminated objects", b'{"a":' * 12_000),
    ("objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    ("lists in an unknown field", extended(b'"x":' + b"[" * 30_000 + b"]" * 30_000)),
    ("objects in an unknown field", extended(b'"x":' + b'{"a":' * 9_000 + b"1" + b"}" * 9_000)),
    ("lists as the amount", with_amount(b"[" * 30_000 + b"]" * 30_000)),
    ("lists as a code", QUOTE.replace(b'"btc"', b"[" * 30_000 + b"]" * 30_000)),
    ("a deep repeat", extended(b'"x":' + b"[" * 20_000 + b'{"y":1,"y":1}' + b"]" * 20_000)),
)
def test_deeply_nested_bodies_are_rejected(up: Running, body: bytes) -> None:
    is_invalid(price(up, body))
    assert price(up, QUOTE).code == 0, "the worker still runs"


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
def test_a_markup_is_an_integer_from_0_to_2000(partner: Partner, literal: bytes, code: int) -> None:
    body = extended(b'"afftax":' + literal)
    response = partner.post("/price", body, partner.headers(body))
    assert response.code == code
    assert response.status == (400 if code else 200)


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
def test_an_amount_is_a_plain_decimal_as_string_or_number(
    up: Running, literal: bytes, code: int
) -> None:
    response = price(up, with_amount(literal))
    assert response.code == code
    assert response.status == (400 if code else 200)
    if code == 0:
        assert response.data["from"]["amount"] == "0.01000000"


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
def test_discovery_accepts_an_object_or_an_empty_body(
    up: Running, path: str, body: bytes, code: int
) -> None:
    response = send(f"{up.base_url}/v1{path}", body)
    assert response.code == code
    assert response.status == (400 if code else 200)


def test_a_body_of_exactly_64_kib_is_accepted_and_one_byte_more_is_rejected(up: Running) -> None:
    filled = extended(b'"x":"' + b"y" * (MAX_BYTES - len(QUOTE) - 7) + b'"')
    assert len(filled) == MAX_BYTES
    assert price(up, filled).code == 0
    response = price(up, filled + b" ")
    assert (response.status, response.code) == (413, 1)


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
def test_a_nul_in_a_string_is_invalid_or_unknown(
    partner: Partner, path: str, request_: dict[str, Any], name: str, code: int
) -> None:
    """PostgreSQL's text type cannot store it, so it must be rejected before any statement."""
    valid_value = str(request_.get(name) or "")
    for value in ("\0", valid_value + "\0", "\0" + valid_value):
        response = partner.call(path, {**request_, name: value})
        assert (response.code, response.status) == (code, 404 if code == 6 else 400)


@pytest.mark.parametrize("path", ["/create", "/order", "/qr", "/emergency", "/keys/rotate"])
@table(
    ("nothing", b""),
    ("an empty object", b"{}"),
    ("a list", b"[]"),
    ("not JSON", b"{"),
    ("another encoding", b'{"id":"\xff"}'),
    ("a name twice", b'{"id":"a","id":"a","token":"t","choice":"EXCHANGE","rotate":["apiSecret"]}'),
    ("deeply nested", b"[" * 30_000),
)
def test_every_endpoint_rejects_malformed_bodies(partner: Partner, path: str, body: bytes) -> None:
    is_invalid(partner.post(path, body, partner.v2_headers(f"/v1{path}", body)))


def test_an_unsigned_body_is_not_validated(up: Running) -> None:
    for body in (b"", b"{", b'{"id":1,"id":2}', b"[" * 30_000, ORDER):
        response = send(f"{up.base_url}/v1/create", body)
        assert (response.status, response.code) == (401, 2)
