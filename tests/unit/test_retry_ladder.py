from datetime import timedelta

import pytest

from domain.webhooks import RETRY_LADDER, retry_delay

SECONDS = [10, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200]


def test_ladder_is_the_contracts() -> None:
    assert [rung.total_seconds() for rung in RETRY_LADDER] == SECONDS


@pytest.mark.parametrize(("failed", "seconds"), list(enumerate(SECONDS, start=1)))
def test_each_rung_is_jittered_by_ten_percent_at_most(failed: int, seconds: int) -> None:
    assert retry_delay(failed, uniform=lambda low, _: low) == timedelta(seconds=seconds * 0.9)
    assert retry_delay(failed, uniform=lambda _, high: high) == timedelta(seconds=seconds * 1.1)


def test_after_the_last_rung_it_is_time_to_give_up() -> None:
    assert retry_delay(len(SECONDS) + 1, uniform=lambda low, _: low) is None
