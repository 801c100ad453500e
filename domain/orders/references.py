"""What a partner attaches to an order: its own reference, metadata and a reference code."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from domain.errors import InvalidRequest
from domain.reasons import Reason

MAX_EXTERNAL_ID: Final = 64
MAX_METADATA_PAIRS: Final = 16
MAX_METADATA_BYTES: Final = 1_024
"""Of all keys and values together, in UTF-8."""

_EXTERNAL_ID = re.compile(rf"[ -~]{{1,{MAX_EXTERNAL_ID}}}", re.ASCII)


class References(msgspec.Struct, frozen=True, kw_only=True):
    """What an order is found by in its partner's own systems; `code` is its reference code."""

    external_id: str | None = None
    metadata: Mapping[str, str] | None = None
    code: str | None = None


def checked_references(
    external_id: str | None, metadata: Mapping[str, str] | None, *, code: str | None = None
) -> References:
    """Return what a partner sent for a new order; raise InvalidRequest.

    `external_id` has 1 to 64 printable ASCII characters and need not be unique; `metadata` has at
    most 16 pairs, whose keys and values have at most 1,024 bytes of UTF-8 in total, and no NUL.
    """
    if external_id is not None:
        check_external_id(external_id)
    if metadata is not None:
        if len(metadata) > MAX_METADATA_PAIRS:
            raise InvalidRequest(
                f"metadata has more than {MAX_METADATA_PAIRS} pairs",
                field="metadata",
                reason=Reason.LENGTH,
            )
        if any("\0" in text for pair in metadata.items() for text in pair):
            raise InvalidRequest(  # PostgreSQL cannot store it in text or JSON
                "metadata has a zero character", field="metadata", reason=Reason.FORMAT
            )
        size = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())
        if size > MAX_METADATA_BYTES:
            raise InvalidRequest(
                f"metadata has more than {MAX_METADATA_BYTES} bytes",
                field="metadata",
                reason=Reason.LENGTH,
            )
    return References(external_id=external_id, metadata=metadata, code=code)


def check_external_id(text: str) -> None:
    """Raise InvalidRequest unless a partner's own reference has the permitted form."""
    if _EXTERNAL_ID.fullmatch(text) is None:
        raise InvalidRequest(
            f"externalId is not 1 to {MAX_EXTERNAL_ID} printable ASCII characters",
            field="externalId",
            reason=Reason.FORMAT,
        )
