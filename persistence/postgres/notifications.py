"""Listens for PostgreSQL's notifications that there is work.

They make it begin at once, and may be missed: whoever does the work polls as well.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import psycopg

from persistence.postgres.pool import (
    CONNECT_TIMEOUT_SECONDS,
    IDLE_SECONDS,
    PROBE_SECONDS,
    PROBES,
    DatabaseUnavailable,
)

STOP_POLL_SECONDS: Final = 0.5
"""How often a listener checks whether it has been stopped."""


class Channel(StrEnum):
    """The channels that the database's functions notify."""

    WEBHOOK_EVENTS = "webhook_events"
    SANDBOX_STEPS = "sandbox_steps"


async def listen(
    url: str, channel: Channel, *, on_work: Callable[[], None], stop: asyncio.Event
) -> None:
    """Call `on_work` at each notification, and once when listening starts, until `stop`.

    Raises DatabaseUnavailable when the connection fails or is lost. A pooler that shares sessions
    delivers no notifications; polling has to suffice then.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="swapgate-listener",
            keepalives_idle=IDLE_SECONDS,
            keepalives_interval=PROBE_SECONDS,
            keepalives_count=PROBES,
        )
        async with connection:
            await connection.execute(f"LISTEN {channel}")
            on_work()
            while not stop.is_set():
                async for _ in connection.notifies(timeout=STOP_POLL_SECONDS):
                    on_work()
                    if stop.is_set():
                        return
    except (psycopg.Error, OSError) as error:
        raise DatabaseUnavailable(str(error)) from error
