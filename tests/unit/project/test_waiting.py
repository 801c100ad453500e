"""The tests' own way to wait for a state: it returns the state, or reports the last one seen."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.waiting import wait_until, wait_until_async


def counting() -> Iterator[int]:
    yield from range(1_000_000)


def test_the_first_accepted_value_is_returned() -> None:
    numbers = counting()
    assert wait_until(lambda: next(numbers), lambda number: number > 2) == 3


def test_as_many_accepted_values_in_a_row_are_needed() -> None:
    outcomes = iter([True, True, False, True, True, True])
    assert wait_until(lambda: next(outcomes), consecutive=3)
    assert list(outcomes) == []


def test_the_last_value_is_reported_with_its_context() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s; last read: 'NEW'; the log"):
        wait_until(
            lambda: "NEW", lambda status: status == "DONE", seconds=0, context=lambda: "the log"
        )


async def test_a_task_goes_on_while_its_state_is_waited_for() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("work")

    task = asyncio.create_task(work())
    assert await wait_until_async(lambda: done) == ["work"]
    await task


async def test_an_awaitable_is_awaited_before_it_is_judged() -> None:
    numbers = counting()

    async def read() -> int:
        await asyncio.sleep(0)
        return next(numbers)

    assert await wait_until_async(read, lambda number: number == 2) == 2
    with pytest.raises(AssertionError, match="last read: 3"):
        await wait_until_async(read, lambda number: number == 0, seconds=0)
