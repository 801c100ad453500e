"""Finds the primary among several hosts while the server of the connections does not respond.

The driver connects to the first host that accepts writes. A host that accepts connections and then
is silent, because its processes hang, would keep it from the others.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import psqlpy
from psqlpy.exceptions import Error

SILENT_SECONDS: Final = 2.5
"""After so long without a response to a statement the primary is searched for."""
SEARCH_SECONDS: Final = 2.0


async def find_primary(
    hosts: Sequence[str], connect: Callable[[str], psqlpy.ConnectionPool]
) -> str | None:
    """Return the first of these hosts that accepts writes and responds, if any.

    `connect` returns a pool for a host that connects to a primary only.
    """
    tasks = [asyncio.create_task(_responds(connect(host))) for host in hosts]
    await asyncio.wait(tasks, timeout=SEARCH_SECONDS)
    for task in tasks:
        task.cancel()
    found = (host for host, task in zip(hosts, tasks, strict=True) if _succeeded(task))
    return next(found, None)


async def _responds(pool: psqlpy.ConnectionPool) -> bool:
    try:
        async with pool.acquire() as connection:
            await connection.execute("SELECT 1")
    except Error:
        return False
    finally:
        pool.close()
    return True


def _succeeded(task: "asyncio.Task[bool]") -> bool:
    return task.done() and not task.cancelled() and task.result()
