"""Notices between processes: fresh rates, and that something cached has changed."""

import asyncio
from collections.abc import AsyncIterator

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.changes import Notice
from persistence.valkey.rates import CHANNEL as RATES

CHANGES = "changes"
QUIET_SECONDS = 1.0
RETRY_SECONDS = 0.5


async def publish_change(client: Valkey) -> None:
    """Wake every worker to look for changes; one that misses it looks by itself soon after."""
    try:
        await client.publish(CHANGES, b"")
    except (ValkeyError, OSError):
        return


async def notices(client: Valkey) -> AsyncIterator[Notice]:
    """Yield notices for ever, connecting again whenever Valkey comes back."""
    while True:
        try:
            async with client.pubsub() as subscription:
                await subscription.subscribe(RATES, CHANGES)
                yield Notice("", b"")
                while True:
                    message = await subscription.get_message(
                        ignore_subscribe_messages=True, timeout=QUIET_SECONDS
                    )
                    if message is not None:
                        yield Notice(message["channel"].decode(), message["data"])
        except (ValkeyError, OSError):
            await asyncio.sleep(RETRY_SECONDS)
