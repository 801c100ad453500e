"""Metrics of settlement: heights and alarms of chains, payouts and refunds."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from domain.chains.outflows import DueOrders, OutflowKind
from domain.chains.pool_use import PoolUse
from domain.orders.order import Order

HEIGHT: Final = Gauge("swapgate_chain_height", "Height that both nodes have reached", ["network"])
ALARM: Final = Gauge(
    "swapgate_chain_alarm", "1 while a chain is on hold or a node is behind", ["network"]
)
HALTED: Final = Gauge(
    "swapgate_chain_halted", "1 after its nodes reported different contents of a block", ["network"]
)
LEADER: Final = Gauge(
    "swapgate_settlement_leader", "1 while this process leads a network's payouts", ["network"]
)
PAY_IN_FREE: Final = Gauge("swapgate_pay_in_free", "Free pay-in addresses", ["network"])
PAY_IN_USED: Final = Gauge(
    "swapgate_pay_in_used_per_day", "Pay-in addresses of the last day's orders", ["network"]
)
PAY_IN_FUNDED: Final = Gauge(
    "swapgate_pay_in_funded_per_day", "Those of them that have seen a deposit", ["network"]
)
PAY_IN_DAYS_LEFT: Final = Gauge(
    "swapgate_pay_in_days_left", "How long an imported pool lasts at that rate", ["network"]
)
PAY_IN_RELEASED: Final = Counter(
    "swapgate_pay_in_released", "Addresses of unpaid orders set free to be reused", ["network"]
)
OUTFLOWS: Final = Counter("swapgate_outflows", "Transactions broadcast", ["network", "kind"])
PAYOUT_DELAY: Final = Histogram(
    "swapgate_payout_delay_seconds",
    "Time from the confirmation of an order's deposit, or its release, to the payout's broadcast",
    ["network"],
    buckets=(1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400),
)
OUTFLOWS_DUE: Final = Gauge(
    "swapgate_outflows_due", "Orders that are to be paid out or refunded", ["network"]
)
OUTFLOWS_OLDEST_DUE: Final = Gauge(
    "swapgate_outflows_oldest_due_seconds", "Age of the oldest of them", ["network"]
)
OUTFLOWS_WAITING: Final = Gauge(
    "swapgate_outflows_waiting", "Orders that cannot be paid out at the moment", ["network"]
)
OUTFLOWS_HELD: Final = Gauge(
    "swapgate_outflows_held", "Orders whose payout is on hold", ["network"]
)
OUTFLOWS_FAILING_SECONDS: Final = Gauge(
    "swapgate_outflows_failing_seconds",
    "How long the order that has failed for the longest time cannot be paid out",
    ["network"],
)
OUTFLOWS_CANCELLED: Final = Counter(
    "swapgate_outflows_cancelled", "Outflows cancelled because the deposit was gone", ["network"]
)
FEES_RAISED: Final = Counter(
    "swapgate_outflow_fees_raised", "Transactions replaced by one with a higher fee", ["network"]
)

OUTFLOWS_REVERSED: Final = Counter(
    "swapgate_outflows_reversed",
    "Settled transactions that a reorganization removed from their chain",
    ["network"],
)


def begin(network: str) -> None:
    """Begin the counters of a network at 0: alarms see how a counter grows, not how it begins."""
    for kind in OutflowKind:
        OUTFLOWS.labels(network, kind.value)
    for counter in (OUTFLOWS_CANCELLED, FEES_RAISED, OUTFLOWS_REVERSED):
        counter.labels(network)


def publish_pool_use(pools: Iterable[PoolUse]) -> None:
    """Set the metrics of pay-in addresses; those that derive addresses have infinite days left."""
    for pool in pools:
        PAY_IN_FREE.labels(pool.network).set(pool.free)
        PAY_IN_USED.labels(pool.network).set(pool.used)
        PAY_IN_FUNDED.labels(pool.network).set(pool.funded)
        PAY_IN_DAYS_LEFT.labels(pool.network).set(pool.days_left)


def publish_due_orders(networks: Iterable[DueOrders], *, now: datetime) -> None:
    """Set the metrics of the orders that are to be paid out or refunded."""
    for due in networks:
        age = (now - due.oldest_at).total_seconds() if due.oldest_at is not None else 0.0
        OUTFLOWS_DUE.labels(due.network).set(due.orders)
        OUTFLOWS_OLDEST_DUE.labels(due.network).set(max(age, 0.0))


def record_payout(order: Order, delay: timedelta) -> None:
    """Record how long after its confirmation an order was paid out."""
    PAYOUT_DELAY.labels(order.destination.network).observe(max(delay.total_seconds(), 0.0))
