"""Pays orders out and refunds deposits on one network: created, signed, broadcast, once each."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog

from domain.actions.orders.ports import VersionedOrder
from domain.chains.outflows import NeedsApproval, Outflow, OutflowKind
from domain.errors import Unavailable
from domain.orders.order import Order
from feeds.settlement import metrics
from feeds.settlement.chains.interface import Prepared, Signed, WrongChain
from feeds.settlement.payouts.backlog import PayoutBacklog
from feeds.settlement.payouts.checks import PayoutChecks
from feeds.settlement.payouts.confirmation_tracker import ConfirmationTracker
from feeds.settlement.payouts.cost_bounds import CostBounds
from feeds.settlement.payouts.deposit_refunds import DepositRefunds
from feeds.settlement.payouts.drafts import draft_outflow
from feeds.settlement.payouts.ports import PayoutPorts
from feeds.settlement.payouts.records import record_transaction
from feeds.settlement.payouts.steps import broadcast, or_cancel, record_broadcast
from feeds.settlement.payouts.voids import Voids

BATCH: Final = 1_000
"""How many due orders a round attempts: those that fail are not due in the next one."""
REFUNDS_PER_ROUND: Final = 10
MAX_ROUND_TIME: Final = timedelta(seconds=30)

log: Final = structlog.get_logger()


class Payouts:
    """Payouts and refunds on one network, one after the other."""

    def __init__(self, ports: PayoutPorts) -> None:
        self._ports = ports
        metrics.begin(ports.network)
        self._checks = PayoutChecks(ports)
        self._bounds = CostBounds(ports)
        self._refunds = DepositRefunds(ports, self._checks, self._bounds)
        self._backlog = PayoutBacklog(
            ports.network,
            ports.attempts,
            ports.settlement.clock,
            traced=ports.settlement.traced,
        )
        self._tracker = ConfirmationTracker(
            ports, self._backlog, bounds=self._bounds, voids=Voids(ports)
        )

    async def round(self) -> int:
        """Finish what was begun, then begin what is due; return how many were broadcast.

        Does nothing while another process leads the network.
        """
        ports, network = self._ports, self._ports.network
        if not ports.leadership.begin_round():
            return 0
        if not await ports.watches[network].is_reliable() or not await self._is_right_chain():
            return 0
        unbroadcast = await ports.outflows.unbroadcast(network)
        await ports.wallet.reserve(unbroadcast)
        done = 0
        for outflow in unbroadcast:
            done += bool(await self._backlog.attempt(outflow.order_id, self._finish(outflow)))
        await self._tracker.round(signed_waiting=await self._is_signed_waiting())
        done += await self._begin_due()
        await self._backlog.end_round()
        return done

    async def _begin_due(self) -> int:
        """Begin what is due, for a bounded time: what was broadcast is tracked in between."""
        ports, clock, done = self._ports, self._ports.settlement.clock, 0
        began = clock.now()
        for order_id, kind in await ports.outflows.due(ports.network, at=began, limit=BATCH):
            if clock.now() - began > MAX_ROUND_TIME or await self._is_nonce_unused():
                break
            if not await ports.outflows.is_enabled():
                self._backlog.wait_for_operator(order_id)
                break
            done += bool(await self._backlog.attempt(order_id, self._begin(order_id, kind)))
        return done + await self._begin_refunds()

    async def _begin_refunds(self) -> int:
        """Begin a few approved refunds of deposits that no order can use."""
        ports, done = self._ports, 0
        due = await ports.outflows.due_refunds(
            ports.network, at=ports.settlement.clock.now(), limit=REFUNDS_PER_ROUND
        )
        for refund in due:
            if await self._is_nonce_unused() or not await ports.outflows.is_enabled():
                break
            done += bool(await self._backlog.attempt(refund.id, self._refunds.begin(refund)))
        return done

    async def _is_right_chain(self) -> bool:
        """Return whether the wallet's node follows the declared chain; halt the chain if not."""
        try:
            await self._ports.wallet.check_identity()
        except WrongChain as wrong:
            await self._ports.watches[self._ports.network].halt(wrong)
            return False
        return True

    async def _is_signed_waiting(self) -> bool:
        """Return whether a signed outflow could not be broadcast: it may spend another's change."""
        unbroadcast = await self._ports.outflows.unbroadcast(self._ports.network)
        return any(outflow.candidates for outflow in unbroadcast)

    async def _is_nonce_unused(self) -> bool:
        """Return whether an assigned nonce is unused: transactions after it would be stuck."""
        unbroadcast = await self._ports.outflows.unbroadcast(self._ports.network)
        return any(outflow.nonce is not None for outflow in unbroadcast)

    async def _begin(self, order_id: UUID, kind: OutflowKind) -> bool:
        """Check the deposit once more, create the outflow, and continue to the broadcast."""
        ports = self._ports
        stored = await ports.settlement.orders.read(order_id)
        if stored is None:
            return False
        if not await self._checks.is_deposit_confirmed(stored.order):
            await self._checks.unconfirm(stored.order)
            return False
        draft = draft_outflow(stored.order, kind)
        await self._checks.require_fair_value(stored.order, kind)
        max_cost = await self._bounds.max_cost(stored.order, kind)
        prepared = await ports.wallet.prepare(draft, max_cost=max_cost)
        if not await self._create(stored, draft, prepared):
            raise Unavailable("the order has changed since it was read")
        for outflow in await ports.outflows.unbroadcast(ports.network):
            if outflow.order_id == order_id:
                return await self._finish(outflow)
        return False

    async def _create(self, stored: VersionedOrder, draft: Outflow, prepared: Prepared) -> bool:
        """Record the outflow; its maximum fee counts towards the day's cap like its value."""
        return await self._ports.outflows.create(
            msgspec.structs.replace(draft, nonce=prepared.nonce),
            usd=self._bounds.counted_usd(draft, max_cost=prepared.max_cost),
            fee=self._bounds.in_coins(prepared.max_cost),
            expected_version=stored.version,
        )

    async def _finish(self, outflow: Outflow) -> bool:
        """Sign an outflow unless it is signed, broadcast it, and record it in its order."""
        ports = self._ports
        if outflow.is_void_requested:
            return await self._void(outflow)
        if outflow.kind is OutflowKind.DEPOSIT_REFUND:
            return await self._refunds.finish(outflow)
        stored = await ports.settlement.orders.read(outflow.order_id)
        if stored is None:
            return False
        if outflow.candidates:
            signed = await self._signed_before(stored.order, outflow)
        else:
            is_confirmed = self._checks.is_deposit_confirmed(stored.order)
            if not await or_cancel(ports, outflow, is_confirmed):
                await self._cancel(stored.order, outflow)
                return False
            await ports.leadership.require()
            await self._checks.require_enabled()
            signed = await or_cancel(ports, outflow, self._sign(stored.order, outflow))
            if not await ports.outflows.store_signed(outflow, raw=signed.raw, tx_id=signed.tx_id):
                return False
            await self._checks.require_enabled()
        await broadcast(ports, signed)
        await record_transaction(ports.settlement, stored.order, outflow.kind, signed.tx_id)
        await record_broadcast(ports, outflow, signed.tx_id)
        return True

    async def _sign(self, order: Order, outflow: Outflow) -> Signed:
        max_cost = await self._bounds.max_cost(order, outflow.kind)
        return await self._ports.wallet.sign(outflow, max_cost=max_cost)

    async def _void(self, outflow: Outflow) -> bool:
        """Have an outflow that is not recorded as broadcast tracked like the others, and voided.

        It may have been broadcast: the tracker looks in the chain first.
        """
        at = self._ports.settlement.clock.now()
        await self._ports.outflows.mark_broadcast(outflow, at=at)
        return False

    async def _signed_before(self, order: Order, outflow: Outflow) -> Signed:
        """Return the transaction that an earlier round signed, if it may be broadcast, or was.

        It is held back if the deposit is gone since. It cannot be cancelled either: the transaction
        may have been sent. It continues when the deposit is back, or the operator allows it.
        """
        signed = Signed(outflow.candidates[-1].raw, outflow.candidates[-1].tx_id)
        is_recorded = signed.tx_id in (order.payout_tx_id, order.refund_tx_id)
        if is_recorded or await self._ports.wallet.is_known(signed.tx_id):
            return signed
        await self._checks.require_enabled()
        if await self._checks.is_deposit_confirmed(order):
            return signed
        if await self._ports.outflows.is_permitted(order.id):
            return signed
        raise NeedsApproval(
            "the deposit is gone, and the payout is signed: it is held back until the deposit is "
            f"back, or until `swapgate outflow allow {order.id}`"
        )

    async def _cancel(self, order: Order, outflow: Outflow) -> None:
        """Cancel an outflow that is not signed; its order waits for the deposit again."""
        if await self._ports.outflows.cancel(outflow):
            metrics.OUTFLOWS_CANCELLED.labels(self._ports.network).inc()
            log.error("outflow cancelled: its deposit is gone", order=str(order.id))
            await self._checks.unconfirm(order)
