"""Pays orders out and sends deposits back: intended, signed, broadcast, once each."""

from typing import Final
from uuid import UUID

import msgspec
import structlog

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.observe_deposit import unconfirm_deposits
from domain.actions.orders.ports import VersionedOrder
from domain.actions.orders.resolve_order import refund_order
from domain.chains.transfers import Outflow, OutflowKind, OutflowOff
from domain.errors import InvalidTransition, Unavailable
from domain.market.pricing import usd_value
from domain.orders.order import Choice, Order, RateType, State
from feeds.settlement.chains import metrics
from feeds.settlement.chains.confirmation_tracker import ConfirmationTracker
from feeds.settlement.chains.interface import Signed
from feeds.settlement.chains.payout_ports import PayoutBacklog, PayoutPorts
from feeds.settlement.chains.watch import NodeDisagreement

BATCH: Final = 50
FIXED_TOLERANCE_BPS: Final = 500
"""How much more than what came in a fixed rate may pay before the operator is asked."""

log: Final = structlog.get_logger()


class Payouts:
    """Payouts and refunds on one network, one after the other."""

    def __init__(self, paying: PayoutPorts) -> None:
        self._of = paying
        self._waiting = PayoutBacklog(paying.network)
        self._following = ConfirmationTracker(paying, self._waiting)

    async def round(self) -> int:
        """Finish what was begun, then begin what is due; return how much was broadcast."""
        of = self._of
        if not await of.watches[of.network].is_trusted():
            return 0
        unfinished = await of.outflows.unfinished(of.network)
        await of.wallet.reserve(unfinished)
        done = 0
        for outflow in unfinished:
            done += await self._waiting.carefully(outflow.order_id, self._finish(outflow))
        await self._following.round(others_wait=await self._signed_ones_wait())
        for order_id, kind in await of.outflows.due(of.network, limit=BATCH):
            if await self._nonce_is_open():
                break
            done += await self._waiting.carefully(order_id, self._begin(order_id, kind))
        return done

    async def _signed_ones_wait(self) -> bool:
        """Tell whether something signed couldn't be broadcast: it may spend another's change."""
        unfinished = await self._of.outflows.unfinished(self._of.network)
        return any(outflow.candidates for outflow in unfinished)

    async def _nonce_is_open(self) -> bool:
        """Tell whether a nonce was given out that isn't used: what came after it would be stuck."""
        unfinished = await self._of.outflows.unfinished(self._of.network)
        return any(outflow.nonce is not None for outflow in unfinished)

    async def _begin(self, order_id: UUID, kind: OutflowKind) -> bool:
        """Check the deposit once more, put the intention down, and go on to the broadcast."""
        of = self._of
        held = await of.ports.orders.read(order_id)
        if held is None:
            return False
        if not await self._deposit_stands(held.order):
            await self._wait_again(held.order)
            return False
        drafted = _drafted(held.order, kind)
        if drafted is None:
            raise Unavailable("the deposit doesn't cover the network fee of sending it back")
        await self._check_worth(held.order, kind)
        nonce = await of.wallet.prepare(drafted)
        outflow = msgspec.structs.replace(drafted, nonce=nonce)
        if not await self._intend(held, outflow):
            return False
        for written in await of.outflows.unfinished(of.network):
            if written.order_id == order_id:
                return await self._finish(written)
        return False

    async def _check_worth(self, order: Order, kind: OutflowKind) -> None:
        """Hold back what a fixed rate would give away: unlike a float one, it isn't our own.

        Settlement prices float orders itself; a fixed rate is what the gateway has written.
        """
        of = self._of
        if kind is OutflowKind.REFUND or order.rate_type is RateType.FLOAT:
            return
        if not order.outpays(of.ports.market.snapshot(), tolerance_bps=FIXED_TOLERANCE_BPS):
            return
        if not await of.outflows.is_permitted(order.id):
            raise Unavailable(
                f"its fixed rate pays more than {FIXED_TOLERANCE_BPS / 100:g} % above what came in "
                f"at today's prices: `swapgate outflow allow {order.id}` lets it go"
            )

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
        if outflow.candidates:
            signed = await self._stored(held.order, outflow)
        else:
            if not await self._deposit_stands(held.order):
                await self._take_back(held.order, outflow)
                return False
            signed = await of.wallet.sign(outflow)
            if not await of.outflows.sign(outflow, raw=signed.raw, tx_id=signed.tx_id):
                return False
            await self._check_on()
        await of.wallet.broadcast(signed)
        await self._record(held.order, outflow.kind, signed.tx_id)
        await of.outflows.broadcast(outflow.order_id, at=of.ports.clock.now())
        metrics.OUTFLOWS.labels(of.network, outflow.kind.value).inc()
        log.info("outflow broadcast", order=str(outflow.order_id), tx_id=signed.tx_id)
        return True

    async def _stored(self, order: Order, outflow: Outflow) -> Signed:
        """Return what a process before us has signed, if it may be broadcast, or was already.

        Where the deposit has gone meanwhile it is held back: the transaction could still be out
        there, so that it can't be taken back either. The deposit comes back, or the operator pays.
        """
        of = self._of
        signed = Signed(outflow.candidates[-1].raw, outflow.candidates[-1].tx_id)
        told = signed.tx_id in (order.payout_tx_id, order.refund_tx_id)
        if told or await of.wallet.is_known(signed.tx_id):
            return signed
        await self._check_on()
        if await self._deposit_stands(order) or await of.outflows.is_permitted(order.id):
            return signed
        raise Unavailable(
            "the deposit isn't there any more, and its payout is signed: it is held back until the "
            f"deposit is there again, or `swapgate outflow allow {order.id}`"
        )

    async def _check_on(self) -> None:
        if not await self._of.outflows.is_on():
            raise OutflowOff("outflow is off")

    async def _take_back(self, order: Order, outflow: Outflow) -> None:
        """Have an order wait for its deposit again, whose payout was intended and isn't signed."""
        if await self._of.outflows.cancel(outflow):
            metrics.OUTFLOWS_CANCELLED.labels(self._of.network).inc()
            log.error("outflow taken back: its deposit is gone", order=str(order.id))
            await self._wait_again(order)

    async def _record(self, order: Order, kind: OutflowKind, tx_id: str) -> None:
        """Have the order know its transaction, unless it does already."""
        if kind is OutflowKind.PAYOUT and order.payout_tx_id != tx_id:
            await complete_payout(self._of.ports, order.id, tx_id)
        elif kind is OutflowKind.REFUND and order.refund_tx_id != tx_id:
            await refund_order(self._of.ports, order.id, tx_id, overrule=True)

    async def _deposit_stands(self, order: Order) -> bool:
        """Re-read an order's deposit from the nodes of its chain; raise Unavailable."""
        watch = self._of.watches.get(order.source.network)
        if watch is None:
            raise Unavailable(f"no node of {order.source.network} is connected")
        if not await watch.is_trusted():
            raise Unavailable(f"the nodes of {order.source.network} disagree")
        needed = await self._of.chains.confirmations(order.source.network)
        try:
            return await watch.stands(order, needed)
        except NodeDisagreement as lie:
            await watch.halt(lie)
            raise Unavailable(f"the nodes of {order.source.network} disagree") from lie

    async def _wait_again(self, order: Order) -> None:
        log.warning("deposit has to be confirmed again", order=str(order.id))
        parts = {part.tx_id for part in order.parts.counted}
        await unconfirm_deposits(self._of.ports, order.id, parts)


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
