"""Complete an order whose payout has been broadcast."""

from uuid import UUID

from domain.actions.orders.move_order import move_order
from domain.actions.orders.ports import SettlementPorts
from domain.ledger.postings import completion_if_priced
from domain.orders.order import Order


async def complete_payout(ports: SettlementPorts, order_id: UUID, tx_id: str) -> Order:
    """Record the payout's transaction and its earnings; raise NotFound or InvalidTransition.

    The payout is irrevocable, so this must not wait for rates: earnings are valued at the last
    known prices, of any age. Without any, `accrue_earnings` posts the earnings later.
    """
    now, snapshot = ports.clock.now(), ports.market.newest_snapshot()
    share = await ports.orders.base_fee_share_bps(order_id)
    due_since = now

    def complete(order: Order) -> Order:
        nonlocal due_since
        due_since = order.updated_at
        return order.payout_broadcast(tx_id, at=now)

    completed = await move_order(
        ports,
        order_id,
        complete,
        earned=lambda order: completion_if_priced(order, snapshot, base_fee_share_bps=share),
    )
    if completed.updated_at == now:  # not by an earlier call
        ports.on_payout(completed, now - due_since)
    return completed
