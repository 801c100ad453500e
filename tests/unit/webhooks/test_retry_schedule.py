from datetime import timedelta

import pytest

from domain.webhooks.events import JITTER, RETRY_SCHEDULE, remaining_schedule, retry_delay

SECONDS = [10, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200]


def test_ladder_is_the_contracts() -> None:
    assert [rung.total_seconds() for rung in RETRY_SCHEDULE] == SECONDS


@pytest.mark.parametrize(("failed", "seconds"), list(enumerate(SECONDS, start=1)))
def test_each_rung_is_jittered_by_ten_percent_at_most(failed: int, seconds: int) -> None:
    assert retry_delay(failed, uniform=lambda low, _: low) == timedelta(seconds=seconds * 0.9)
    assert retry_delay(failed, uniform=lambda _, high: high) == timedelta(seconds=seconds * 1.1)


def test_after_the_last_rung_it_is_time_to_give_up() -> None:
    assert retry_delay(len(SECONDS) + 1, uniform=lambda low, _: low) is None


@pytest.mark.parametrize("failed", range(1, len(RETRY_SCHEDULE) + 1))
def test_retry_after_never_shortens_a_wait_and_lengthens_it_by_an_hour_at_most(failed: int) -> None:
    rung = RETRY_SCHEDULE[failed - 1]
    for asked in (timedelta(seconds=1), timedelta(minutes=20), timedelta(days=30)):
        for low in (True, False):
            wait = retry_delay(failed, uniform=min if low else max, requested=asked)
            assert wait is not None
            assert wait >= rung * (1 - JITTER)
            assert wait >= min(asked, timedelta(hours=1))
            assert wait <= max(rung, min(asked, timedelta(hours=1))) * (1 + JITTER)


def test_retry_after_gives_no_further_attempt() -> None:
    asked = timedelta(minutes=1)
    assert retry_delay(len(RETRY_SCHEDULE) + 1, uniform=lambda low, _: low, requested=asked) is None


def test_what_remains_of_a_ladder_is_its_waits_at_their_longest() -> None:
    assert remaining_schedule(0) == sum(RETRY_SCHEDULE, timedelta()) * 1.1
    assert remaining_schedule(8) == timedelta(hours=12) * 1.1
    assert remaining_schedule(9) == timedelta()
