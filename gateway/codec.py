"""JSON encoding and decoding: the only module that decodes request bodies."""

import json
from typing import Generic, TypeVar

import msgspec

from domain.errors import InvalidRequest
from domain.reasons import Reason
from gateway.json_problems import json_problem

MAX_BODY_BYTES = 64 * 1024

T = TypeVar("T", bound=msgspec.Struct)

_encode = msgspec.json.Encoder().encode


class Decoder(Generic[T]):
    """Decodes a body into one wire type; raises InvalidRequest for anything else.

    msgspec accepts a repeated name (the last value wins) and does not validate strings that it
    skips. This decoder rejects repeated names at any depth, and bytes that are not UTF-8.
    """

    def __init__(self, wire_type: type[T]) -> None:
        self._decode = msgspec.json.Decoder(wire_type).decode
        fields = msgspec.structs.fields(wire_type)
        self._required = sum(field.required for field in fields)
        self._optional = [(field.name, _default(field)) for field in fields if not field.required]

    def __call__(self, body: bytes) -> T:
        """Return the decoded body."""
        try:
            decoded = self._decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise json_problem(error) from None
        # Each member has a colon, and so have each required field and each optional field whose
        # value is not its default. If the body has no further colons, no name is repeated. A
        # further colon may be an unknown field, a colon in a string, or a repeated name: only then
        # is the body parsed again by the slower decoder that detects repeats.
        surplus = body.count(b":") - self._required
        if surplus:
            for name, default in self._optional:
                if getattr(decoded, name) is not default:
                    surplus -= 1
                    if not surplus:
                        break
        if surplus or not body.isascii():
            _check_members(body)
        return decoded


def _default(field: msgspec.structs.FieldInfo) -> object:
    """Return a field's default; one that a factory returns has to be the same every time."""
    factory = field.default_factory
    if factory is msgspec.NODEFAULT:
        return field.default
    default = factory()
    if factory() is not default:
        raise ValueError(f"the default of {field.name} cannot be distinguished from a value")
    return default


def _check_members(body: bytes) -> None:
    """Raise InvalidRequest if valid JSON contains a repeated name or bytes that are not UTF-8."""
    try:
        _members.decode(body.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(str(error), reason=Reason.MALFORMED) from None


def _reject_repeats(members: list[tuple[str, object]]) -> None:
    if len({name for name, _ in members}) != len(members):
        raise InvalidRequest("repeated member name", reason=Reason.DUPLICATE)


_members = json.JSONDecoder(object_pairs_hook=_reject_repeats, parse_int=len, parse_float=len)

_text = msgspec.json.Decoder(str)


def decimal_digits(raw: msgspec.Raw) -> str:
    """Return the literal text of an amount given as a JSON string or number.

    The text is not validated; parsing the amount rejects anything but a plain decimal.
    """
    literal = bytes(raw)
    if literal.startswith(b'"'):
        try:
            return _text.decode(literal)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidRequest(str(error), reason=Reason.MALFORMED) from None
    return literal.decode("ascii", "replace")


def success(data: object) -> bytes:
    """Return the success envelope of `data` (a wire type or msgspec.Raw)."""
    return b'{"code":0,"msg":"","data":' + _encode(data) + b"}"
