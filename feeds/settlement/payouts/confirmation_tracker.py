"""Tracks broadcast transactions until they are deep in their chain, raising fees if necessary."""

from typing import Final

import msgspec
import structlog

from domain.actions.orders.replace_transaction import replace_transaction
from domain.chains.outflows import Candidate, Outflow, OutflowKind, TransactionFailed
from domain.errors import Unavailable
from feeds.settlement import metrics
from feeds.settlement.chains.interface import Signed
from feeds.settlement.payouts.backlog import PayoutBacklog
from feeds.settlement.payouts.cost_bounds import CostBounds
from feeds.settlement.payouts.ports import PayoutPorts
from feeds.settlement.payouts.records import record_transaction
from feeds.settlement.payouts.voids import Voids

FINAL_DEPTH: Final = 2
"""An outflow is final at so many times the confirmations at which it is settled."""

log: Final = structlog.get_logger()


class Position(msgspec.Struct, frozen=True):
    """The candidate of an outflow that is in a block, and how deep; the newest one at depth 0."""

    candidate: Candidate
    depth: int


class ConfirmationTracker:
    """The broadcast outflows of a network that are not final yet, lowest nonce first."""

    def __init__(
        self, ports: PayoutPorts, backlog: PayoutBacklog, *, bounds: CostBounds, voids: Voids
    ) -> None:
        self._ports = ports
        self._backlog = backlog
        self._bounds = bounds
        self._voids = voids

    async def round(self, *, signed_waiting: bool) -> None:
        """Check each; those with a nonce are stuck behind the first that is in no block.

        Without nonces nothing is replaced while `signed_waiting`: signed transactions that are not
        broadcast may spend what would be replaced.
        """
        ports = self._ports
        required = await ports.chains.required_confirmations(ports.network)
        for outflow in await ports.outflows.settled(ports.network):
            work = self._follow(outflow, required[outflow.asset.code] * FINAL_DEPTH)
            await self._backlog.attempt(outflow.order_id, work)
        is_stuck = False
        for outflow in await ports.outflows.unsettled(ports.network):
            position = await self._backlog.attempt(outflow.order_id, self._position(outflow))
            if position is not None and position.depth:
                work = self._settle(outflow, position, required[outflow.asset.code])
                await self._backlog.attempt(outflow.order_id, work)
                continue
            may_replace = not signed_waiting if outflow.nonce is None else not is_stuck
            is_stuck = True
            if position is not None:
                work = self._push(outflow, may_replace=may_replace)
                await self._backlog.attempt(outflow.order_id, work)

    async def _follow(self, outflow: Outflow, final_depth: int) -> None:
        """Follow a settled outflow: once a reorganization removed it, it is not settled.

        It is then broadcast again like any other. Otherwise it might never be mined, and everything
        after its nonce would wait for it.
        """
        ports = self._ports
        depth = await ports.wallet.depth(str(outflow.settled_tx_id))
        if depth >= final_depth:
            await ports.outflows.mark_final(outflow, at=ports.settlement.clock.now())
        elif not depth:
            metrics.OUTFLOWS_REVERSED.labels(ports.network).inc()
            log.error(
                "settled outflow reversed",
                order=str(outflow.order_id),
                tx_id=outflow.settled_tx_id,
            )
            await ports.outflows.reopen(outflow)

    async def _position(self, outflow: Outflow) -> Position:
        """Return which candidate is in a block, and how deep; depth 0 if none is."""
        for candidate in reversed(outflow.candidates):
            depth = await self._ports.wallet.depth(candidate.tx_id)
            if depth:
                return Position(candidate, depth)
        return Position(outflow.candidates[-1], 0)

    async def _settle(self, outflow: Outflow, position: Position, required: int) -> None:
        """Settle an outflow once it is deep enough; its order then names the mined transaction.

        One that paid nobody ends only once it is final. Its order may get another outflow then: if
        a reorganization removed the void before, an earlier candidate could pay as well.
        """
        ports, tx_id = self._ports, position.candidate.tx_id
        is_final = position.depth >= required * FINAL_DEPTH
        if position.depth < required:
            if not position.candidate.voids and not await ports.wallet.has_paid(outflow, tx_id):
                raise TransactionFailed(
                    f"transaction {tx_id} failed on its chain: nothing was paid, and the operator "
                    "has to send it"
                )
            return
        cost = await ports.wallet.fee_paid(tx_id)
        await ports.outflows.book_fee(outflow, self._bounds.in_coins(cost))
        if position.candidate.voids:
            if is_final:
                await self._voids.end(outflow, tx_id, usd=self._bounds.paid_usd(cost))
            return
        if not await ports.wallet.has_paid(outflow, tx_id):
            if is_final and (outflow.is_void_requested or await ports.wallet.has_failed(tx_id)):
                await self._voids.end(outflow, tx_id, usd=self._bounds.paid_usd(cost))
            raise TransactionFailed(
                f"transaction {tx_id} is mined and did not pay: the operator decides what follows"
            )
        if not await self._record(outflow, tx_id):
            return
        at = ports.settlement.clock.now()
        await ports.outflows.mark_settled(outflow, tx_id=tx_id, at=at)

    async def _push(self, outflow: Outflow, *, may_replace: bool) -> None:
        """Broadcast again what the node no longer has; raise the fee of what waits for too long."""
        ports = self._ports
        if outflow.is_void_requested:
            if may_replace or outflow.nonce is not None:
                await self._voids.push(outflow)
            return
        newest = outflow.candidates[-1]
        if not await ports.outflows.is_enabled():
            return
        if not await ports.wallet.is_known(newest.tx_id):
            for older in outflow.candidates[:-1]:
                if not may_replace or await ports.wallet.is_spent_from(older.tx_id):
                    return
            log.warning("outflow broadcast again", order=str(outflow.order_id), tx_id=newest.tx_id)
            await self._broadcast(outflow, Signed(newest.raw, newest.tx_id))
        elif may_replace and self._is_overdue(newest):
            await self._raise_fee(outflow, newest)

    def _is_overdue(self, candidate: Candidate) -> bool:
        return (
            self._ports.settlement.clock.now() - candidate.signed_at > self._ports.raise_fee_after
        )

    async def _raise_fee(self, outflow: Outflow, stuck: Candidate) -> None:
        """Sign a replacement, store it, and only then broadcast it."""
        ports = self._ports
        await ports.leadership.require()
        max_cost = await self._max_cost(outflow)
        signed = await ports.wallet.raise_fee(outflow, stuck.tx_id, max_cost=max_cost)
        if await ports.outflows.add_replacement(outflow, raw=signed.raw, tx_id=signed.tx_id):
            metrics.FEES_RAISED.labels(ports.network).inc()
            log.warning(
                "fee raised", order=str(outflow.order_id), stuck=stuck.tx_id, tx_id=signed.tx_id
            )
            await self._broadcast(outflow, signed)

    async def _broadcast(self, outflow: Outflow, signed: Signed) -> None:
        await self._ports.leadership.require()
        await self._ports.wallet.broadcast(signed)
        if len(outflow.candidates) > 1 or signed.tx_id != outflow.candidates[0].tx_id:
            await self._name_transaction(outflow, signed.tx_id)

    async def _record(self, outflow: Outflow, tx_id: str) -> bool:
        """Let the order name the mined transaction; False without its order."""
        if outflow.kind is OutflowKind.DEPOSIT_REFUND:
            return True
        stored = await self._ports.settlement.orders.read(outflow.order_id)
        if stored is None:
            return False
        await record_transaction(self._ports.settlement, stored.order, outflow.kind, tx_id)
        return True

    async def _name_transaction(self, outflow: Outflow, tx_id: str) -> None:
        """Let the order name the newest transaction; a deposit's refund has no order."""
        if outflow.kind is not OutflowKind.DEPOSIT_REFUND:
            is_refund, ports = outflow.kind is OutflowKind.REFUND, self._ports.settlement
            await replace_transaction(ports, outflow.order_id, tx_id, is_refund=is_refund)

    async def _max_cost(self, outflow: Outflow) -> int:
        if outflow.kind is OutflowKind.DEPOSIT_REFUND:
            refund = await self._ports.outflows.find_refund(outflow.order_id)
            if refund is None:
                raise Unavailable("the refund is not approved")
            return await self._bounds.max_cost_of_refund(refund)
        stored = await self._ports.settlement.orders.read(outflow.order_id)
        if stored is None:
            raise Unavailable(f"there is no order {outflow.order_id}")
        return await self._bounds.max_cost(stored.order, outflow.kind)
