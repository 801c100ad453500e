"""The client of Valkey, with limits on connections and time."""

from typing import TYPE_CHECKING, Any, Final, cast

from valkey.asyncio import BlockingConnectionPool, Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

SOCKET_TIMEOUT_SECONDS: Final = 2.0
POOL_TIMEOUT_SECONDS: Final = 1.0


def connect(url: str, *, connections: int = 16) -> Valkey:
    """Return a client for `url` (`valkey://`, `valkeys://` or `unix://`); it connects lazily."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=POOL_TIMEOUT_SECONDS,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        health_check_interval=0,
    )
    return Valkey.from_pool(pool)


async def reply(pending: Any) -> Any:
    """Await a command's reply; raise Unavailable if Valkey fails or cannot be reached.

    The client's annotations do not say that its methods return awaitables.
    """
    try:
        return await cast("Awaitable[Any]", pending)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
