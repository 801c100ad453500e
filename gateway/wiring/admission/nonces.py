"""Follows in each worker whether Valkey remembers the nonces of the last five minutes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog
from psqlpy.exceptions import Error as DatabaseError
from valkey.asyncio import Valkey

from domain.errors import Unavailable
from persistence.postgres.partners.nonce_memory import begin_nonce_memory
from persistence.postgres.pool import Database
from persistence.valkey.admission.nonces import declare_complete
from persistence.valkey.connection.client import check_primaries

POLL_INTERVAL_SECONDS: Final = 1.0
DECLARING_SECONDS: Final = 2.0
"""By when another worker, which is the first one of an installation, has declared it to Valkey."""

log = structlog.get_logger()


async def begin_nonces(database: Database, valkey: Valkey) -> None:
    """Accept calls at once in an installation that has never had any, and only there.

    The database remembers it first: whatever happens afterwards, a Valkey without nonces is one
    that has lost them. Without the servers nothing happens, and the first calls wait.
    """
    try:
        await check_primaries(valkey)
        age = await begin_nonce_memory(database)
        if age is None:
            await declare_complete(valkey)
        elif age < DECLARING_SECONDS:
            await asyncio.sleep(DECLARING_SECONDS - age)
    except (Unavailable, DatabaseError) as error:
        log.warning("the memory of nonces was not begun", reason=str(error))


async def keep_watching_nonces(recovery_ms: Callable[[], Awaitable[int]]) -> None:
    """Log forever when nonces were lost, and when calls are accepted again.

    Asking is enough to start the waiting time, so that it does not begin with somebody's call.
    """
    recovering = False
    while True:
        with suppress(Unavailable):
            wait_ms = await recovery_ms()
            if wait_ms > 0 and not recovering:
                log.error("nonces lost", seconds=-(-wait_ms // 1000))
            elif wait_ms <= 0 and recovering:
                log.info("nonces complete")
            recovering = wait_ms > 0
        await asyncio.sleep(POLL_INTERVAL_SECONDS)
