"""PostgreSQL's word that webhook events were added: it makes relays quick, and may be missed."""

import asyncio
from collections.abc import Callable
from typing import Final

import psycopg

from persistence.postgres.pool import CONNECT_TIMEOUT_SECONDS, DatabaseUnavailable

POLL_INTERVAL_SECONDS: Final = 0.5
"""How often a listener looks whether it is to stop."""


async def listen_for_events(url: str, *, on_event: Callable[[], None], stop: asyncio.Event) -> None:
    """Call `on_event` when events were added, and when listening has begun, until `stop`.

    Raises DatabaseUnavailable when the connection can't be made or is lost; a pooler that hands
    sessions around lets nothing through, and then the relay's polls have to do.
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
                async for _ in connection.notifies(timeout=POLL_INTERVAL_SECONDS):
                    on_event()
                    if stop.is_set():
                        return
    except (psycopg.Error, OSError) as error:
        raise DatabaseUnavailable(str(error)) from error
