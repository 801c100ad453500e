"""Defects that settlement once had, put back for a run: the simulation must find each."""

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from domain.assets import Asset
from domain.market.conversion import Rate
from domain.orders import order
from domain.orders.order import Order
from feeds.settlement.payouts import payouts
from feeds.settlement.payouts.cost_bounds import CostBounds
from feeds.settlement.payouts.leadership import Leadership
from persistence.postgres.chains import attempts, deposit_refunds, outflows
from persistence.postgres.orders import settlement
from tests.simulation.chains import account_wallet
from tests.simulation.chains.node_wallet import NodeWallet
from tests.simulation.world.storage import Storage

PutBack = Callable[[pytest.MonkeyPatch, Storage], None]

UNBOUNDED: Final = 10**30

OLDEST_DUE: Final = """
WITH candidates AS (
  SELECT o.id, 'payout' AS kind, o.updated_at
  FROM orders o JOIN assets a ON a.code = o.destination
  WHERE o.state = 'paying_out' AND a.network = $1
    AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = o.id)
  UNION ALL
  SELECT o.id, 'refund', o.updated_at
  FROM orders o JOIN assets a ON a.code = o.source
  WHERE o.state = 'held' AND a.network = $1 AND (o.choice = 'REFUND' OR (o.choice = 'NONE'
      AND EXISTS (SELECT FROM emergency_choices c WHERE c.order_id = o.id AND c.choice = 'REFUND')))
    AND NOT EXISTS (SELECT FROM outflows w WHERE w.order_id = o.id)
    AND NOT EXISTS (
      SELECT FROM deposits d WHERE d.order_id = o.id AND d.confirmed_at IS NULL
        AND NOT d.late AND NOT d.dropped)
)
SELECT id, kind FROM candidates WHERE $3::timestamptz IS NOT NULL ORDER BY updated_at LIMIT $2
"""


def _unbounded_gas(patch: pytest.MonkeyPatch, _: Storage) -> None:
    """A recipient's code decides what a payout costs."""

    async def max_cost(*_: object) -> int:
        return UNBOUNDED

    patch.setattr(CostBounds, "max_cost", max_cost)
    patch.setattr(account_wallet, "MAX_GAS", UNBOUNDED)


def _oldest_first(patch: pytest.MonkeyPatch, _: Storage) -> None:
    """A round attempts the oldest due orders only, however often they have failed."""
    patch.setattr(outflows, "DUE", OLDEST_DUE)
    patch.setattr(payouts, "BATCH", 1)


def _live_rate(patch: pytest.MonkeyPatch, _: Storage) -> None:
    """Any amount but the agreed one is settled at the live rate, also where that is better."""

    def settled_rate(_: Rate, live: Rate, *__: object, **___: object) -> Rate:
        return live

    patch.setattr(order, "settled_rate", settled_rate)


def _status_of_receipt(patch: pytest.MonkeyPatch, _: Storage) -> None:
    """A token transfer that succeeded and moved nothing counts as paid."""

    async def has_paid(self: NodeWallet, _: object, tx_id: str) -> bool:
        receipt = self._receipt(tx_id)
        return receipt is not None and receipt.succeeded

    patch.setattr(NodeWallet, "has_paid", has_paid)


def _no_maximum(patch: pytest.MonkeyPatch, _: Storage) -> None:
    """A held order can be exchanged whatever its deposits are worth."""

    def exceeds_maximum(*_: object) -> bool:
        return False

    patch.setattr(Order, "exceeds_maximum", exceeds_maximum)


def _refund_without_lock(patch: pytest.MonkeyPatch, storage: Storage) -> None:
    """An order whose refund is under way stays on hold, for another decision or deposit."""
    storage.sql("ALTER TABLE orders DISABLE TRIGGER order_is_locked")
    storage.sql("ALTER TABLE outflows DISABLE TRIGGER outflow_is_due")
    locking = "state = CASE state WHEN 'held' THEN 'refunding' ELSE state END"
    unlocked = outflows.CREATE.replace(locking, "state = state")
    assert unlocked != outflows.CREATE
    patch.setattr(outflows, "CREATE", unlocked)
    patch.setattr(
        settlement, "READ", settlement.READ.replace("EXISTS (SELECT", "false AND EXISTS (SELECT")
    )


def _dust(patch: pytest.MonkeyPatch, _: Storage) -> None:
    """Any amount is paid, whether or not its network forwards it."""
    patch.setattr(Asset, "least_payment", property(lambda _: 1))


def _stale_leader(patch: pytest.MonkeyPatch, _: Storage) -> None:
    """A process that led a network once signs and writes there as long as its round lasts."""
    for module in (outflows, deposit_refunds, attempts):
        for name, statement in list(vars(module).items()):
            if isinstance(statement, str) and "l.expires_at > clock_timestamp()" in statement:
                unfenced = statement.replace("AND l.expires_at > clock_timestamp()", "")
                patch.setattr(module, name, unfenced.replace("l.token = $", "l.token >= $"))

    async def require(_: Leadership) -> None:
        """Accept whatever lease the round began with."""

    patch.setattr(Leadership, "require", require)


DEFECTS: Final[Mapping[str, PutBack]] = {
    "gas without a bound": _unbounded_gas,
    "the oldest orders block all others": _oldest_first,
    "an overpaid fixed rate is an option": _live_rate,
    "dust is paid": _dust,
    "a stale leader goes on": _stale_leader,
    "exchange has no maximum": _no_maximum,
    "a refund does not lock its order": _refund_without_lock,
    "a token's receipt proves its transfer": _status_of_receipt,
}
