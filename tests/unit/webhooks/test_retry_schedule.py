from datetime import timedelta

import pytest

from domain.webhooks.retry_schedule import JITTER, RETRY_SCHEDULE, remaining_schedule, retry_delay

SECONDS = [10, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200]


def test_retry_schedule_is_that_of_the_contract() -> None:
    assert [delay.total_seconds() for delay in RETRY_SCHEDULE] == SECONDS


@pytest.mark.parametrize(("failed", "seconds"), list(enumerate(SECONDS, start=1)))
def test_each_delay_is_jittered_by_at_most_ten_percent(failed: int, seconds: int) -> None:
    assert retry_delay(failed, uniform=lambda low, _: low) == timedelta(seconds=seconds * 0.9)
    assert retry_delay(failed, uniform=lambda _, high: high) == timedelta(seconds=seconds * 1.1)


def test_no_attempt_follows_the_last_delay() -> None:
    assert retry_delay(len(SECONDS) + 1, uniform=lambda low, _: low) is None


@pytest.mark.parametrize("failed", range(1, len(RETRY_SCHEDULE) + 1))
def test_retry_after_never_shortens_a_delay_and_lengthens_it_up_to_an_hour(failed: int) -> None:
    delay = RETRY_SCHEDULE[failed - 1]
    for requested in (timedelta(seconds=1), timedelta(minutes=20), timedelta(days=30)):
        for low in (True, False):
            actual = retry_delay(failed, uniform=min if low else max, requested=requested)
            assert actual is not None
            assert actual >= delay * (1 - JITTER)
            assert actual >= min(requested, timedelta(hours=1))
            assert actual <= max(delay, min(requested, timedelta(hours=1))) * (1 + JITTER)


def test_retry_after_grants_no_further_attempt() -> None:
    requested = timedelta(minutes=1)
    assert (
        retry_delay(len(RETRY_SCHEDULE) + 1, uniform=lambda low, _: low, requested=requested)
        is None
    )


def test_remaining_schedule_is_the_sum_of_the_longest_delays() -> None:
    assert remaining_schedule(0) == sum(RETRY_SCHEDULE, timedelta()) * 1.1
    assert remaining_schedule(8) == timedelta(hours=12) * 1.1
    assert remaining_schedule(9) == timedelta()
