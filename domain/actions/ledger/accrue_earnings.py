"""Accrue earnings of orders that completed while no price was known."""

from domain.actions.orders.ports import SettlementPorts
from domain.ledger.postings import completion_if_priced

BATCH = 200


async def accrue_earnings(ports: SettlementPorts) -> int:
    """Post the earnings of up to 200 unaccrued orders at current prices; return how many.

    Raises Unavailable.
    """
    snapshot = ports.market.newest_snapshot()
    if snapshot is None:
        return 0
    assets = ports.market.catalogue.assets.values()
    priced = [asset.code for asset in assets if asset.coin in snapshot.prices]
    accrued = 0
    for order in await ports.orders.unaccrued(priced, limit=BATCH):
        share = await ports.orders.base_fee_share_bps(order.id)
        earned = completion_if_priced(order, snapshot, base_fee_share_bps=share)
        if earned is not None:
            accrued += await ports.orders.accrue(order.id, earned, at=ports.clock.now())
    return accrued
