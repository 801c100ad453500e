"""The resilient loop, on a clock that only its pauses advance."""

import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from domain.errors import Unavailable
from feeds.loop import Backoff, poll_forever, run_forever

BACKOFF = Backoff(min_seconds=1.0, max_seconds=8.0)


class FakeClock:
    """Time passes only while the loop waits; the loop is stopped after `runs` runs."""

    def __init__(self, outcomes: Sequence[float | Exception | None]) -> None:
        self.stop = asyncio.Event()
        self.now = 0.0
        self.started_at: list[float] = []
        self._outcomes = list(outcomes)

    async def step(self) -> float | None:
        self.started_at.append(self.now)
        outcome = self._outcomes.pop(0)
        if not self._outcomes:
            self.stop.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def wait(self, _: asyncio.Event, seconds: float) -> None:
        self.now += seconds


async def run(
    outcomes: Sequence[float | Exception | None],
    *,
    jitter: float = 1.0,
    expected: type[Exception] = Unavailable,
) -> FakeClock:
    clock = FakeClock(outcomes)
    await run_forever(
        clock.step,
        name="test",
        stop=clock.stop,
        backoff=BACKOFF,
        expected=expected,
        wait=clock.wait,
        uniform=lambda _low, _high: jitter,
    )
    return clock


async def test_step_runs_again_after_the_pause_it_returns() -> None:
    clock = await run([2.5, None, 0.0, 4.0, None])
    assert clock.started_at == [0.0, 2.5, 2.5, 2.5, 6.5]


async def test_pauses_double_from_the_minimum_to_the_maximum_while_the_step_fails() -> None:
    clock = await run([Unavailable()] * 6)
    assert clock.started_at == [0.0, 1.0, 3.0, 7.0, 15.0, 23.0]


async def test_one_success_resets_the_pause_to_the_minimum() -> None:
    clock = await run([Unavailable(), Unavailable(), None, Unavailable(), None])
    assert clock.started_at == [0.0, 1.0, 3.0, 3.0, 4.0]


async def test_a_defect_is_logged_as_an_error_each_time_and_does_not_end_the_loop() -> None:
    with capture_logs() as logs:
        clock = await run([KeyError("a"), KeyError("b"), None])
    assert len(clock.started_at) == 3
    assert [(one["event"], one["log_level"]) for one in logs] == [
        ("loop step failed", "error"),
        ("loop step failed", "error"),
        ("loop resumed", "info"),
    ]


async def test_of_expected_failures_only_the_first_in_a_row_and_the_recovery_are_logged() -> None:
    with capture_logs() as logs:
        await run([Unavailable("down"), Unavailable("down"), None, Unavailable("down"), None])
    assert [(one["event"], one.get("reason", one.get("failures"))) for one in logs] == [
        ("loop interrupted", "Unavailable: down"),
        ("loop resumed", 2),
        ("loop interrupted", "Unavailable: down"),
        ("loop resumed", 1),
    ]


async def test_an_outage_is_logged_even_when_a_defect_preceded_it() -> None:
    with capture_logs() as logs:
        await run([KeyError("a"), Unavailable(), None])
    assert [one["event"] for one in logs] == [
        "loop step failed",
        "loop interrupted",
        "loop resumed",
    ]


async def test_a_loop_may_expect_any_error_of_an_outside_service() -> None:
    with capture_logs() as logs:
        await run([ValueError("bad frame"), KeyError("bid"), None], expected=Exception)
    assert [one["event"] for one in logs] == ["loop interrupted", "loop resumed"]


async def test_a_stopped_loop_does_not_run_its_step() -> None:
    clock = FakeClock([None])
    clock.stop.set()
    await run_forever(clock.step, name="test", stop=clock.stop)
    assert clock.started_at == []


async def test_setting_stop_ends_a_pause_early() -> None:
    stop = asyncio.Event()

    async def step() -> float:
        asyncio.get_running_loop().call_soon(stop.set)
        return 3_600.0

    async with asyncio.timeout(5):
        await run_forever(step, name="test", stop=stop)


async def test_cancelling_ends_the_loop_even_while_its_step_only_fails() -> None:
    failed = asyncio.Event()

    async def step() -> None:
        failed.set()
        raise Unavailable

    task = asyncio.create_task(run_forever(step, name="test"))
    await failed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("failures", "jitter", "pause"),
    [(1, 0.8, 1.0), (1, 1.2, 1.2), (2, 0.8, 1.6), (2, 1.2, 2.4), (4, 1.2, 8.0), (10**6, 0.8, 6.4)],
)
def test_jitter_stays_within_the_minimum_and_the_maximum(
    failures: int, jitter: float, pause: float
) -> None:
    assert BACKOFF.pause(failures, uniform=lambda _low, _high: jitter) == pytest.approx(pause)


class _Ended(BaseException):
    """Ends a loop from its step."""


async def test_polling_goes_on_sooner_while_rounds_find_work() -> None:
    found = [3, 1, 0, 0]
    pauses: list[float] = []

    async def round_once() -> int:
        return found.pop(0)

    async def wait(_wake: asyncio.Event, seconds: float) -> None:
        pauses.append(seconds)
        if not found:
            raise _Ended

    with pytest.raises(_Ended):
        await poll_forever("test", round_once, every_seconds=0.4, wait=wait)
    assert pauses == [0.1, 0.1, 0.4, 0.4]


async def test_polling_is_woken_also_by_work_that_comes_during_a_round() -> None:
    wake, rounds = asyncio.Event(), 0

    async def round_once() -> int:
        nonlocal rounds
        rounds += 1
        wake.set()
        if rounds == 3:
            raise _Ended
        return 0

    async with asyncio.timeout(30):
        with pytest.raises(_Ended):
            await poll_forever("test", round_once, every_seconds=3600, wake=wake)
