"""Listens for PostgreSQL's notification that events were enqueued.

It makes relays fast, and may be missed: they poll as well.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import psycopg

from persistence.postgres.pool import CONNECT_TIMEOUT_SECONDS, DatabaseUnavailable

STOP_POLL_SECONDS: Final = 0.5
"""How often a listener checks whether it has been stopped."""


async def listen_for_events(url: str, *, on_event: Callable[[], None], stop: asyncio.Event) -> None:
    """Call `on_event` when events are enqueued, and once when listening starts, until `stop`.

    Raises DatabaseUnavailable when the connection fails or is lost. A pooler that shares sessions
    delivers no notifications; the relays' polling has to suffice then.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="swapgate-listener",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
        async with connection:
            await connection.execute("LISTEN webhook_events")
            on_event()
            while not stop.is_set():
                async for _ in connection.notifies(timeout=STOP_POLL_SECONDS):
                    on_event()
                    if stop.is_set():
                        return
    except (psycopg.Error, OSError) as error:
        raise DatabaseUnavailable(str(error)) from error
