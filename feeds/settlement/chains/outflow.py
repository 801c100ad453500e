"""Pays orders out and sends deposits back: intended, signed, broadcast, settled, once each."""

from collections.abc import Awaitable, Mapping
from typing import Final
from uuid import UUID

import msgspec
import structlog

from domain.actions.complete_payout import complete_payout
from domain.actions.observe_deposit import unconfirm_deposits
from domain.actions.resolve_order import refund_order
from domain.chains import (
    ChainBook,
    Outflow,
    OutflowBook,
    OutflowCapped,
    OutflowKind,
    OutflowOff,
)
from domain.errors import InvalidTransition, Unavailable
from domain.orders import Choice, Order, State
from domain.ports import Settlement, VersionedOrder
from domain.pricing import usd_value
from feeds.settlement.chains import metrics
from feeds.settlement.chains.node import Signed, Wallet
from feeds.settlement.chains.watch import ChainWatch, Lie

BATCH: Final = 50

log = structlog.get_logger()


class Paying(msgspec.Struct, frozen=True, kw_only=True):
    """What payouts on a network need: its hot wallet, and all chains that deposits come from."""

    network: str
    wallet: Wallet
    watches: Mapping[str, ChainWatch]
    ports: Settlement
    chains: ChainBook
    outflows: OutflowBook


class Payouts:
    """Payouts and refunds on one network, one after the other."""

    def __init__(self, paying: Paying) -> None:
        self._of = paying
        self._told: dict[UUID, str] = {}

    async def round(self) -> int:
        """Finish what was begun, then begin what is due; return how much was broadcast."""
        of = self._of
        if not await of.watches[of.network].is_trusted():
            return 0
        await self._settle()
        unfinished = await of.outflows.unfinished(of.network)
        await of.wallet.reserve(unfinished)
        done = 0
        for outflow in unfinished:
            done += await self._carefully(outflow.order_id, self._finish(outflow))
        for order_id, kind in await of.outflows.due(of.network, limit=BATCH):
            if await self._nonce_is_open():
                break
            done += await self._carefully(order_id, self._begin(order_id, kind))
        return done

    async def _nonce_is_open(self) -> bool:
        """Tell whether a nonce was given out that isn't used: what came after it would be stuck."""
        unfinished = await self._of.outflows.unfinished(self._of.network)
        return any(outflow.nonce is not None for outflow in unfinished)

    async def _carefully(self, order_id: UUID, work: Awaitable[bool]) -> bool:
        """Do one order's part; what can't be done now is told once, and tried again."""
        try:
            done = await work
        except (Unavailable, OutflowOff, OutflowCapped, InvalidTransition) as error:
            why = str(error) or type(error).__name__
            if self._told.get(order_id) != why:
                log.warning("outflow has to wait", order=str(order_id), why=why)
                self._told[order_id] = why
            self._count_waiting()
            return False
        self._told.pop(order_id, None)
        self._count_waiting()
        return done

    def _count_waiting(self) -> None:
        metrics.OUTFLOWS_WAITING.labels(self._of.network).set(len(self._told))

    async def _begin(self, order_id: UUID, kind: OutflowKind) -> bool:
        """Check the deposit once more, put the intention down, and go on to the broadcast."""
        of = self._of
        held = await of.ports.orders.read(order_id)
        if held is None or not await self._deposit_stands(held.order):
            return False
        drafted = _drafted(held.order, kind)
        if drafted is None:
            raise Unavailable("the deposit doesn't cover the network fee of sending it back")
        nonce = await of.wallet.prepare(drafted)
        outflow = msgspec.structs.replace(drafted, nonce=nonce)
        if not await self._intend(held, outflow):
            return False
        for written in await of.outflows.unfinished(of.network):
            if written.order_id == order_id:
                return await self._finish(written)
        return False

    async def _intend(self, held: VersionedOrder, outflow: Outflow) -> bool:
        snapshot = self._of.ports.market.snapshot()
        worth = usd_value(outflow.amount, snapshot.price(outflow.asset.coin), outflow.asset)
        return await self._of.outflows.intend(
            outflow, usd=worth.usd(), expected_version=held.version
        )

    async def _finish(self, outflow: Outflow) -> bool:
        """Sign what isn't signed, broadcast it, and have the order know."""
        of = self._of
        held = await of.ports.orders.read(outflow.order_id)
        if held is None:
            return False
        if outflow.raw is None or outflow.tx_id is None:
            if not await self._deposit_stands(held.order, intended=True):
                return False
            signed = await of.wallet.sign(outflow)
            if not await of.outflows.sign(outflow, raw=signed.raw, tx_id=signed.tx_id):
                return False
        else:
            signed = Signed(outflow.raw, outflow.tx_id)
        if not await of.outflows.is_on() and not await of.wallet.is_known(signed.tx_id):
            raise OutflowOff("outflow is off")
        await of.wallet.broadcast(signed)
        await self._record(held.order, outflow.kind, signed.tx_id)
        await of.outflows.broadcast(outflow.order_id, at=of.ports.clock.now())
        metrics.OUTFLOWS.labels(of.network, outflow.kind.value).inc()
        log.info("outflow broadcast", order=str(outflow.order_id), tx_id=signed.tx_id)
        return True

    async def _record(self, order: Order, kind: OutflowKind, tx_id: str) -> None:
        """Have the order know its transaction, unless it does already."""
        if kind is OutflowKind.PAYOUT and order.payout_tx_id != tx_id:
            await complete_payout(self._of.ports, order.id, tx_id)
        elif kind is OutflowKind.REFUND and order.refund_tx_id != tx_id:
            await refund_order(self._of.ports, order.id, tx_id, overrule=True)

    async def _deposit_stands(self, order: Order, *, intended: bool = False) -> bool:
        """Re-read an order's deposit from the nodes of its chain.

        Where it doesn't stand, an order that nothing is intended for goes back to waiting for it.
        """
        watch = self._of.watches.get(order.source.network)
        if watch is None:
            raise Unavailable(f"no node of {order.source.network} is connected")
        if not await watch.is_trusted():
            raise Unavailable(f"the nodes of {order.source.network} disagree")
        needed = await self._of.chains.confirmations(order.source.network)
        try:
            stands = await watch.stands(order, needed)
        except Lie as lie:
            await watch.halt(lie)
            return False
        if stands:
            return True
        if intended:
            raise Unavailable("the deposit isn't there any more, and a payout is intended")
        log.warning("deposit has to be confirmed again", order=str(order.id))
        parts = {part.tx_id for part in order.parts.counted}
        await unconfirm_deposits(self._of.ports, order.id, parts)
        return False

    async def _settle(self) -> None:
        """See that what was broadcast gets deep enough; what was dropped is broadcast again."""
        of = self._of
        needed = await of.chains.confirmations(of.network)
        for outflow in await of.outflows.unsettled(of.network):
            if outflow.raw is None or outflow.tx_id is None:
                continue
            depth = await of.wallet.depth(outflow.tx_id)
            if depth >= needed[outflow.asset.code]:
                await of.outflows.settled(outflow.order_id, at=of.ports.clock.now())
                continue
            dropped = depth == 0 and not await of.wallet.is_known(outflow.tx_id)
            if dropped and await of.outflows.is_on():
                log.warning("outflow broadcast again", order=str(outflow.order_id))
                again = of.wallet.broadcast(Signed(outflow.raw, outflow.tx_id))
                await self._carefully(outflow.order_id, _done(again))


async def _done(work: Awaitable[None]) -> bool:
    await work
    return True


def _drafted(order: Order, kind: OutflowKind) -> Outflow | None:
    """Return what an order is to be sent; None where nothing would be left of a refund.

    A refund is all that was received, less the network fee of its own asset.
    """
    if kind is OutflowKind.PAYOUT:
        if order.state is not State.PAYING_OUT:
            raise InvalidTransition(f"an order that is {order.state} isn't paid out")
        return Outflow(
            order_id=order.id,
            kind=kind,
            asset=order.destination,
            address=order.destination_address,
            tag=order.destination_tag,
            amount=order.destination_amount,
        )
    if order.state is not State.HELD or order.choice is not Choice.REFUND:
        raise InvalidTransition(f"an order that is {order.state} isn't sent back")
    if not order.parts.settled:
        raise InvalidTransition("not all of the deposit is confirmed")
    amount = order.parts.total - order.source.network_fee
    if amount <= 0:
        return None
    return Outflow(
        order_id=order.id,
        kind=kind,
        asset=order.source,
        address=order.refund_address,
        tag=None,
        amount=amount,
    )
