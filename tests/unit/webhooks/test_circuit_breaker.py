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
    circuit: CircuitBreaker | None, *outcomes: CallOutcome, at: datetime = NOW
) -> CircuitBreaker | None:
    return record_outcomes(
        circuit, outcomes, now=at, max_concurrency=MAX_CONCURRENCY, uniform=middle
    )


def some(circuit: CircuitBreaker | None) -> CircuitBreaker:
    assert circuit is not None
    return circuit


def opened() -> CircuitBreaker:
    circuit = some(after(None, *[attempt(delivered=False)] * 5))
    assert circuit.opened_at == NOW
    return circuit


def test_nothing_is_remembered_of_a_healthy_endpoint() -> None:
    assert after(None, attempt(delivered=True), attempt(delivered=True)) is None


def test_failure_and_slowness_halve_what_is_sent_at_once_down_to_a_least() -> None:
    for trouble in (attempt(delivered=False), attempt(delivered=True, slow=True)):
        circuit, seen = after(None, trouble), []
        for number in range(5):
            seen.append(some(circuit).concurrency)
            circuit = after(circuit, trouble, at=NOW + WINDOW * (number + 1))
        assert seen == [16, 8, 4, 4, 4]


def test_each_success_lets_one_more_be_sent_at_once_until_all_is_forgotten() -> None:
    circuit = some(after(None, attempt(delivered=False)))
    circuit = some(after(circuit, *[attempt(delivered=True)] * 10))
    assert circuit.concurrency == 26
    circuit = some(after(circuit, *[attempt(delivered=True)] * 10))
    assert circuit.concurrency == MAX_CONCURRENCY
    assert after(circuit, attempt(delivered=True), at=NOW + WINDOW) is None


def test_circuit_opens_at_five_failures_that_are_half_of_a_minutes_attempts() -> None:
    four = some(after(None, *[attempt(delivered=False)] * 4))
    assert four.opened_at is None
    assert some(after(four, attempt(delivered=False))).opened_at == NOW

    good = some(after(four, *[attempt(delivered=True)] * 6))
    assert some(after(good, attempt(delivered=False))).opened_at is None

    later = NOW + WINDOW
    assert some(after(four, attempt(delivered=False), at=later)).opened_at is None


def test_slow_endpoint_that_takes_its_events_keeps_its_circuit_closed() -> None:
    circuit = after(None, *[attempt(delivered=True, slow=True)] * 50)
    assert some(circuit).opened_at is None


def test_waits_between_probes_grow_up_to_a_minute() -> None:
    circuit, now, waits = opened(), NOW, []
    for _ in range(6):
        assert circuit.half_open_at is not None
        waits.append(circuit.half_open_at - now)
        now = circuit.half_open_at
        circuit = some(after(circuit, attempt(delivered=False, at=now), at=now))
        assert circuit.failed_at == now
        assert circuit.opened_at == NOW

    assert waits == [MIN_TRIAL_DELAY * 2**n for n in range(4)] + [MAX_TRIAL_DELAY] * 2


def test_failures_of_before_it_opened_dont_put_the_probe_off() -> None:
    circuit = opened()
    late = NOW + timedelta(seconds=3)
    stragglers = [attempt(delivered=False, at=NOW - timedelta(seconds=7))] * 9
    noted_late = some(after(circuit, *stragglers, at=late))
    assert (noted_late.half_open_at, noted_late.failed_trials) == (circuit.half_open_at, 0)


def test_success_of_before_it_opened_doesnt_close_it_and_the_probes_does() -> None:
    circuit = opened()
    before = attempt(delivered=True, at=NOW - timedelta(seconds=1))
    assert after(circuit, before) == circuit

    probe = attempt(delivered=True, at=NOW + MIN_TRIAL_DELAY)
    closed = some(after(circuit, probe, at=NOW + MIN_TRIAL_DELAY))
    assert (closed.opened_at, closed.half_open_at, closed.failures) == (None, None, 0)
    assert closed.concurrency == MIN_CONCURRENCY


def test_concurrency_never_exceeds_what_is_set() -> None:
    circuit = record_outcomes(
        None, [attempt(delivered=False)], now=NOW, max_concurrency=2, uniform=middle
    )
    assert some(circuit).concurrency == 2
