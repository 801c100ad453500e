"""Cursors of lists of orders: opaque, and bound to their partner and filter by a signature."""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.errors import InvalidRequest
from domain.orders.query import OrderFilter
from domain.reasons import Reason

KEY_PURPOSE: Final = b"cursor of a list of orders"
"""Purpose of the derived keys; other purposes have other keys."""

_POSITION: Final = struct.Struct(">q16s")
_MAC_BYTES: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class ListPosition(msgspec.Struct, frozen=True):
    """The last order that a list has examined; `changed_at` is not used in lists by id."""

    id: UUID
    changed_at: datetime = _EPOCH


class CursorSigner:
    """Writes positions as cursors, and reads those that were written for the same list."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Sign with the first key; accept the others too."""
        self._keys = keys

    def write(self, position: ListPosition, partner_id: UUID, filters: OrderFilter) -> str:
        """Return the cursor of a position in a partner's list."""
        microseconds = (position.changed_at - _EPOCH) // _MICROSECOND
        payload = _POSITION.pack(microseconds, position.id.bytes)
        mac = _mac(self._keys[0], payload, partner_id, filters)
        return _text(payload + mac)

    def read(self, cursor: str, partner_id: UUID, filters: OrderFilter) -> ListPosition:
        """Return the position; raise InvalidRequest unless it was written for the same list."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _rejected("the cursor is malformed", Reason.FORMAT) from None
        if _text(raw) != cursor:  # a second spelling of the same bytes
            raise _rejected("the cursor is malformed", Reason.FORMAT)
        payload, mac = raw[: _POSITION.size], raw[_POSITION.size :]
        if len(raw) != _POSITION.size + _MAC_BYTES or not any(
            hmac.compare_digest(_mac(key, payload, partner_id, filters), mac) for key in self._keys
        ):
            raise _rejected("the cursor is of another list", Reason.CONFLICT)
        microseconds, id_bytes = _POSITION.unpack(payload)
        return ListPosition(UUID(bytes=id_bytes), _EPOCH + microseconds * _MICROSECOND)


def _rejected(message: str, reason: Reason) -> InvalidRequest:
    return InvalidRequest(message, field="cursor", reason=reason)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _mac(key: bytes, payload: bytes, partner_id: UUID, filters: OrderFilter) -> bytes:
    signed = payload + partner_id.bytes + msgspec.json.encode(filters)
    return hmac.digest(key, signed, hashlib.sha256)[:_MAC_BYTES]
