"""JSON in and out: the only place that decodes a request body."""

import json
from typing import Generic, TypeVar

import msgspec

from domain.errors import InvalidRequest

MAX_BODY_BYTES = 64 * 1024

T = TypeVar("T", bound=msgspec.Struct)

_encode = msgspec.json.Encoder().encode


class Decoder(Generic[T]):
    """Decodes a body into one wire type; raises InvalidRequest for anything else.

    msgspec takes the last of several members of one name and doesn't look into strings it skips.
    Here a name twice, at any depth, and bytes that aren't UTF-8 are refused.
    """

    def __init__(self, wire_type: type[T]) -> None:
        self._decode = msgspec.json.Decoder(wire_type).decode
        fields = msgspec.structs.fields(wire_type)
        self._required = sum(field.required for field in fields)
        self._optional = [(field.name, field.default) for field in fields if not field.required]

    def __call__(self, body: bytes) -> T:
        """Return the decoded body."""
        try:
            decoded = self._decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(str(error)) from None
        # A name that stands there twice is refused. Every member has a colon, and every required
        # field, and every optional one that isn't as it is by default, is a member. If there are no
        # more colons than those, all members differ. One more may be anything: an unknown field, a
        # colon in a string, a repeat.
        surplus = body.count(b":") - self._required
        if surplus:
            for name, default in self._optional:
                if getattr(decoded, name) is not default:
                    surplus -= 1
        if surplus or not body.isascii():
            _check_members(body)
        return decoded


def _check_members(body: bytes) -> None:
    """Raise InvalidRequest if valid JSON isn't UTF-8 throughout, or has a name twice anywhere."""
    try:
        _members.decode(body.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(str(error)) from None


def _without_repeats(members: list[tuple[str, object]]) -> None:
    if len({name for name, _ in members}) != len(members):
        raise ValueError("a member's name stands there twice")


_members = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_int=len, parse_float=len)

_text = msgspec.json.Decoder(str)


def decimal_digits(raw: msgspec.Raw) -> str:
    """Return the literal text of an amount given as a JSON string or number.

    What isn't a plain decimal is refused by whoever parses it.
    """
    literal = bytes(raw)
    if literal.startswith(b'"'):
        try:
            return _text.decode(literal)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidRequest(str(error)) from None
    return literal.decode("ascii", "replace")


def success(data: object) -> bytes:
    """Return the envelope of a success around `data` (a wire type, or msgspec.Raw)."""
    return b'{"code":0,"msg":"","data":' + _encode(data) + b"}"
