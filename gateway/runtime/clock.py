"""The clock and the id generator of a running process."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


class SystemClock:
    """The Clock of a running process."""

    def now(self) -> datetime:
        """See Clock."""
        return datetime.now(UTC)


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562): ids sort by the time of their creation."""
    return uuid7()
