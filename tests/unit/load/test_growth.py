"""What a soak reports about values that grow."""

import pytest

from tests.load.record import Call, Kind
from tests.soak.growth import PARTS, Growth, growth_of_latency, growth_of_samples, part
from tests.soak.samples import Sample

PERIOD = (100.0, 180.0)
"""Eight parts of ten seconds."""


def sampled(second: float, last: float) -> list[Growth]:
    samples = [
        *(Sample(100.0 + second_, {"keys": 900.0}) for second_ in range(10)),
        *(Sample(110.0 + second_, {"keys": second}) for second_ in range(10)),
        *(Sample(170.0 + second_, {"keys": last}) for second_ in range(10)),
    ]
    return growth_of_samples(samples, PERIOD)


def calls(second_ms: float, last_ms: float) -> list[Call]:
    return [
        Call(kind, 0, at, at + ms / 1000)
        for kind in Kind
        for start, ms in ((110.0, second_ms), (170.0, last_ms))
        for at in (start + number / 20 for number in range(100))
    ]


def test_a_period_has_parts_of_equal_length() -> None:
    assert part(PERIOD, 0) == (100.0, 110.0)
    assert part(PERIOD, 1) == (110.0, 120.0)
    assert part(PERIOD, -1) == part(PERIOD, PARTS - 1) == (170.0, 180.0)


def test_medians_of_the_second_and_of_the_last_part_are_compared() -> None:
    assert sampled(1_000, 1_050) == [Growth("keys", 1_000, 1_050)]


@pytest.mark.parametrize(("second", "last"), [(1_000, 1_050), (1_000, 10), (10, 12), (0, 2)])
def test_up_to_a_twentieth_or_very_few_more_are_permitted(second: float, last: float) -> None:
    assert all(one.is_within for one in sampled(second, last))


@pytest.mark.parametrize(("second", "last"), [(1_000, 1_051), (10, 13), (0, 3)])
def test_whatever_grows_more_is_reported(second: float, last: float) -> None:
    assert not any(one.is_within for one in sampled(second, last))


def test_a_part_without_samples_or_calls_is_not_judged() -> None:
    with pytest.raises(ValueError, match="without a sample"):
        growth_of_samples([Sample(115.0, {"keys": 1.0})], PERIOD)
    with pytest.raises(ValueError, match="without a call"):
        growth_of_latency(calls(10, 10)[:50], PERIOD, [])


def test_slower_calls_are_reported() -> None:
    assert all(one.is_within for one in growth_of_latency(calls(100, 104), PERIOD, []))
    assert not any(one.is_within for one in growth_of_latency(calls(100, 106), PERIOD, []))


def test_calls_beside_a_restart_do_not_count() -> None:
    slow = Call(Kind.QUOTE, 0, 171.5, 172.5)
    beside = [slow] * 5
    assert not all(
        one.is_within for one in growth_of_latency([*calls(10, 10), *beside], PERIOD, [])
    )
    assert all(
        one.is_within
        for one in growth_of_latency([*calls(10, 10), *beside], PERIOD, [(172.0, 174.0)])
    )
