"""Requests that wait for their turn."""

import asyncio
from contextlib import suppress

import pytest

from domain.errors import Unavailable
from gateway.cabinet.account.turns import Turns


async def test_a_few_run_at_a_time_in_order_and_what_exceeds_the_queue_is_rejected() -> None:
    turns, proceed = Turns(concurrent=2, max_waiting=3), asyncio.Event()
    begun: list[int] = []

    async def request(number: int) -> None:
        async with turns.taken():
            begun.append(number)
            await proceed.wait()

    running = [asyncio.ensure_future(request(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert begun == [0, 1]
    with pytest.raises(Unavailable):
        await request(5)
    proceed.set()
    await asyncio.gather(*running)
    assert begun == [0, 1, 2, 3, 4]


async def test_a_request_that_is_canceled_or_fails_gives_its_place_back() -> None:
    turns = Turns(concurrent=1, max_waiting=1)

    async def fail() -> None:
        async with turns.taken():
            raise ValueError("failed")

    async def wait() -> None:
        async with turns.taken():
            await asyncio.Event().wait()

    for _ in range(5):
        with pytest.raises(ValueError, match="failed"):
            await fail()
        canceled = [asyncio.ensure_future(wait()) for _ in range(2)]
        await asyncio.sleep(0)
        for one in reversed(canceled):
            one.cancel()
            with suppress(asyncio.CancelledError):
                await one
