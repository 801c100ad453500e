from datetime import UTC, datetime, timedelta

from domain.webhooks.circuit_breaker import (
    MAX_TRIAL_DELAY,
    MIN_CONCURRENCY,
    MIN_TRIAL_DELAY,
    WINDOW,
    CallOutcome,
    CircuitBreaker,
    record_outcomes,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MAX_CONCURRENCY = 32


def attempt(*, delivered: bool, at: datetime = NOW, slow: bool = False) -> CallOutcome:
    return CallOutcome(started_at=at, delivered=delivered, slow=slow)


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def after(
    breaker: CircuitBreaker | None, *outcomes: CallOutcome, at: datetime = NOW
) -> CircuitBreaker | None:
    return record_outcomes(
        breaker, outcomes, now=at, max_concurrency=MAX_CONCURRENCY, uniform=middle
    )


def some(breaker: CircuitBreaker | None) -> CircuitBreaker:
    assert breaker is not None
    return breaker


def opened() -> CircuitBreaker:
    breaker = some(after(None, *[attempt(delivered=False)] * 5))
    assert breaker.opened_at == NOW
    return breaker


def test_healthy_endpoint_has_no_circuit_breaker() -> None:
    assert after(None, attempt(delivered=True), attempt(delivered=True)) is None


def test_failure_or_slowness_halves_the_concurrency_down_to_the_minimum() -> None:
    for trouble in (attempt(delivered=False), attempt(delivered=True, slow=True)):
        breaker, concurrencies = after(None, trouble), []
        for number in range(5):
            concurrencies.append(some(breaker).concurrency)
            breaker = after(breaker, trouble, at=NOW + WINDOW * (number + 1))
        assert concurrencies == [16, 8, 4, 4, 4]


def test_each_success_adds_one_to_the_concurrency_until_the_breaker_is_removed() -> None:
    breaker = some(after(None, attempt(delivered=False)))
    breaker = some(after(breaker, *[attempt(delivered=True)] * 10))
    assert breaker.concurrency == 26
    breaker = some(after(breaker, *[attempt(delivered=True)] * 10))
    assert breaker.concurrency == MAX_CONCURRENCY
    assert after(breaker, attempt(delivered=True), at=NOW + WINDOW) is None


def test_breaker_opens_at_five_failures_that_are_half_of_the_attempts_of_a_minute() -> None:
    four = some(after(None, *[attempt(delivered=False)] * 4))
    assert four.opened_at is None
    assert some(after(four, attempt(delivered=False))).opened_at == NOW

    good = some(after(four, *[attempt(delivered=True)] * 6))
    assert some(after(good, attempt(delivered=False))).opened_at is None

    later = NOW + WINDOW
    assert some(after(four, attempt(delivered=False), at=later)).opened_at is None


def test_breaker_of_a_slow_endpoint_that_accepts_its_events_stays_closed() -> None:
    breaker = after(None, *[attempt(delivered=True, slow=True)] * 50)
    assert some(breaker).opened_at is None


def test_delays_between_half_open_trials_double_up_to_a_minute() -> None:
    breaker, now, waits = opened(), NOW, []
    for _ in range(6):
        assert breaker.half_open_at is not None
        waits.append(breaker.half_open_at - now)
        now = breaker.half_open_at
        breaker = some(after(breaker, attempt(delivered=False, at=now), at=now))
        assert breaker.failed_at == now
        assert breaker.opened_at == NOW

    assert waits == [MIN_TRIAL_DELAY * 2**n for n in range(4)] + [MAX_TRIAL_DELAY] * 2


def test_failures_from_before_the_breaker_opened_do_not_postpone_the_trial() -> None:
    breaker = opened()
    late = NOW + timedelta(seconds=3)
    late_failures = [attempt(delivered=False, at=NOW - timedelta(seconds=7))] * 9
    after_late = some(after(breaker, *late_failures, at=late))
    assert (after_late.half_open_at, after_late.failed_trials) == (breaker.half_open_at, 0)


def test_only_the_success_of_a_trial_closes_the_breaker() -> None:
    breaker = opened()
    before = attempt(delivered=True, at=NOW - timedelta(seconds=1))
    assert after(breaker, before) == breaker

    trial = attempt(delivered=True, at=NOW + MIN_TRIAL_DELAY)
    closed = some(after(breaker, trial, at=NOW + MIN_TRIAL_DELAY))
    assert (closed.opened_at, closed.half_open_at, closed.failures) == (None, None, 0)
    assert closed.concurrency == MIN_CONCURRENCY


def test_concurrency_never_exceeds_the_configured_maximum() -> None:
    breaker = record_outcomes(
        None, [attempt(delivered=False)], now=NOW, max_concurrency=2, uniform=middle
    )
    assert some(breaker).concurrency == 2
