"""JSON in and out: the only place that decodes a request body."""

from typing import Generic, TypeVar

import msgspec

from domain.errors import InvalidRequest

MOST_BODY_BYTES = 64 * 1024

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


class Decoder(Generic[T]):
    """Decodes a body into one wire type; raises InvalidRequest for anything else."""

    def __init__(self, wire_type: type[T]) -> None:
        self._decode = msgspec.json.Decoder(wire_type).decode

    def __call__(self, body: bytes) -> T:
        """Return the decoded body."""
        try:
            return self._decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(str(error)) from None


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
