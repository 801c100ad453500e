"""Notices between processes: a new rate snapshot, or a change of cached data.

Channels are those of the server, not of one of its numbered databases, so that a notice may be of
another installation. It only makes a process read its own keys again.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Final

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.changes import CONNECTED, Notice
from domain.errors import Unavailable
from persistence.valkey.connection.client import primaries_of
from persistence.valkey.rates import CHANNEL as RATES

CHANGES: Final = "changes"
POLL_INTERVAL_SECONDS: Final = 1.0
RECONNECT_SECONDS: Final = 0.5


async def publish_change(client: Valkey) -> None:
    """Make every worker check for changes at once; without Valkey they do so soon by themselves."""
    try:
        await client.publish(CHANGES, b"")
    except (ValkeyError, OSError):
        return


async def notices(client: Valkey) -> AsyncIterator[Notice]:
    """Yield notices forever, reconnecting whenever Valkey is unavailable.

    A notice without a channel follows each connection: earlier ones may have been missed.
    """
    primaries = primaries_of(client)
    while True:
        try:
            await primaries.refresh()
            primary = random.choice(list(primaries.known))  # noqa: S311  all of them pass notices on
            async with primary.client.pubsub() as subscription:
                await subscription.subscribe(RATES, CHANGES)
                yield Notice(CONNECTED)
                while True:
                    message = await subscription.get_message(
                        ignore_subscribe_messages=True, timeout=POLL_INTERVAL_SECONDS
                    )
                    if message is not None:
                        yield Notice(message["channel"].decode())
        except (ValkeyError, OSError, Unavailable):
            await asyncio.sleep(RECONNECT_SECONDS)
