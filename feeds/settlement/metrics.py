"""Metrics of settlement: heights and alarms of chains, payouts and refunds."""

from typing import Final

from prometheus_client import Counter, Gauge

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
OUTFLOWS: Final = Counter("swapgate_outflows", "Transactions broadcast", ["network", "kind"])
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
