"""Approved refunds of unexpected deposits, and a wallet that can fail at any step of them."""

import json
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from domain.actions.operator.outflows import void_outflow
from domain.chains.attempts import MAX_RETRY_DELAY
from domain.chains.outflows import Outflow
from feeds.settlement.chains.interface import Signed
from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository
from persistence.postgres.reconciliation import outflow_checks
from persistence.postgres.reconciliation.differences import differences
from tests.conftest import DatabaseUrls
from tests.support.chains.payout_world import PayoutWorld, SimulatedWallet

CUSTOMER = "an address of the customer's"
FEE = Decimal(1)
"""The network fee of usdt_trc20 in these tests."""


class BrokenWallet(SimulatedWallet):
    """A wallet that can fail at any step, and counts what it signs. `pending` is never mined."""

    def __init__(self) -> None:
        super().__init__()
        self.signed: list[str] = []
        self.on_broadcast: Exception | None = None
        self.pending: set[str] = set()

    async def depth(self, tx_id: str) -> int:
        return 0 if tx_id in self.pending else await super().depth(tx_id)

    async def void(self, outflow: Outflow) -> Signed:
        return Signed("01", f"tx void of {outflow.intention}")

    async def sign(self, outflow: Any, *, max_cost: int) -> Signed:
        signed = await super().sign(outflow, max_cost=max_cost)
        self.signed.append(signed.tx_id)
        return signed

    async def broadcast(self, signed: Signed) -> None:
        if self.on_broadcast is not None:
            raise self.on_broadcast
        await super().broadcast(signed)


async def started(urls: DatabaseUrls, wallet: BrokenWallet) -> PayoutWorld:
    """Return the world of payouts on Tron."""
    world = PayoutWorld(urls, wallet, network="Tron")
    world.sql("UPDATE assets SET network_fee = 1 WHERE code = 'usdt_trc20'")
    await world.start()
    return world


def propose(
    world: PayoutWorld, *, approved: bool = True, subject: str = "", **changes: object
) -> UUID:
    """Store a proposal to refund 50 USDT; return its id."""
    proposal_id = uuid4()
    document = {
        "network": "Tron",
        "txId": str(proposal_id),
        "orderId": str(uuid4()),
        "asset": "usdt_trc20",
        "amount": "50",
        "payInAddress": "T...",
        "address": CUSTOMER,
        "tag": None,
        **changes,
    }
    world.sql(
        "INSERT INTO proposals (id, kind, subject, document, usd, needs_second, reason,"
        " proposed_by, proposed_at, approved_by, approved_at)"
        " VALUES (%s, 'refund_deposit', %s, %s, 50, true, 'ticket', 'ana', now(), %s, %s)",
        *(proposal_id, subject or str(proposal_id), json.dumps(document)),
        *(("ben", world.clock.now()) if approved else (None, None)),
    )
    return proposal_id


def outflows(world: PayoutWorld) -> list[tuple[Any, ...]]:
    return world.sql(
        "SELECT order_id, kind, address, amount, settled_at IS NOT NULL FROM outflows"
        " ORDER BY intended_at"
    )


async def rounds(world: PayoutWorld, number: int = 3) -> None:
    for _ in range(number):
        await world.payouts.round()
        world.clock.advance(MAX_RETRY_DELAY)
        world.publish_rates()


def operator(world: PayoutWorld) -> PostgresOperatorOutflowRepository:
    return PostgresOperatorOutflowRepository(world.admin)


async def voided(world: PayoutWorld, wallet: BrokenWallet, *, subject: str = "") -> UUID:
    """Return a refund that was sent, and voided before it was mined."""
    wallet.pending = {f"tx {CUSTOMER}"}
    refund = propose(world, subject=subject)
    await rounds(world, 1)
    await void_outflow(operator(world), refund)
    await rounds(world)
    wallet.pending = set()
    assert world.sql("SELECT order_id FROM voided_outflows") == [(refund,)]
    return refund


async def outflow_differences(world: PayoutWorld) -> list[tuple[str, str]]:
    """Return what reconciliation finds of outflows, and what it found instead."""
    return [
        (one.what, one.found)
        async for one in differences(world.admin, world.market.catalogue)
        if one.what in outflow_checks.CHECKS
    ]
