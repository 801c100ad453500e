"""Large bodies of responses in pieces: the server copies what it is given, and holds it until sent.

A client that does not read its response then occupies a few pieces, not the whole body.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

WHOLE_BYTES: Final = 32 * 1024
"""Bodies up to this size are sent at once, which takes less time."""
PIECE_BYTES: Final = 8 * 1024
"""The server holds up to five of them for a client that does not read, and what it buffers."""


def pieces_of(body: bytes) -> Iterator[bytes]:
    """Return a body in pieces."""
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]


def provider_of(body: bytes) -> Callable[[], AsyncIterator[bytes]]:
    """Return a body in pieces as BlackSheep's StreamedContent takes it."""

    async def pieces() -> AsyncIterator[bytes]:
        for piece in pieces_of(body):
            yield piece

    return pieces
