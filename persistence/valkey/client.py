"""The client of Valkey, with limits on connections and time."""

from typing import Final

from valkey.asyncio import BlockingConnectionPool, Valkey

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
