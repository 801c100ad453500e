"""Follows what was broadcast until it is deep in its chain, at a higher fee if need be."""

from typing import Final

import structlog

from domain.actions.orders.replace_transaction import replace_transaction
from domain.chains.transfers import Candidate, Outflow
from domain.errors import Unavailable
from feeds.settlement.chains import metrics
from feeds.settlement.chains.interface import Signed
from feeds.settlement.chains.payout_ports import PayoutBacklog, PayoutPorts

log: Final = structlog.get_logger()


class ConfirmationTracker:
    """What was broadcast on a network and isn't deep enough yet, the lowest nonce first."""

    def __init__(self, paying: PayoutPorts, waiting: PayoutBacklog) -> None:
        self._of = paying
        self._waiting = waiting

    async def round(self, *, others_wait: bool) -> None:
        """Look at each; what has a nonce is stuck behind the first that no block has taken.

        Without nonces nothing is replaced while `others_wait`, signed and not broadcast: they may
        spend what would be replaced.
        """
        of = self._of
        needed = await of.chains.confirmations(of.network)
        stuck = False
        for outflow in await of.outflows.unsettled(of.network):
            taken = await self._taken(outflow)
            if taken is None:
                free = not others_wait if outflow.nonce is None else not stuck
                work = self._push(outflow, may_replace=free)
                stuck = True
            else:
                candidate, depth = taken
                deep = depth >= needed[outflow.asset.code]
                work = self._close(outflow, candidate, deep=deep)
            await self._waiting.carefully(outflow.order_id, work)

    async def _taken(self, outflow: Outflow) -> tuple[Candidate, int] | None:
        """Return the candidate that a block has taken, and how deep it is."""
        for candidate in reversed(outflow.candidates):
            depth = await self._of.wallet.depth(candidate.tx_id)
            if depth:
                return candidate, depth
        return None

    async def _close(self, outflow: Outflow, candidate: Candidate, *, deep: bool) -> bool:
        """Close what is deep enough; the order then tells of the transaction that was taken."""
        of = self._of
        if not await of.wallet.has_paid(candidate.tx_id):
            raise Unavailable(
                f"the chain refused {candidate.tx_id}: nothing was paid, and what it would have "
                "been is yours to send"
            )
        if not deep:
            return False
        if len(outflow.candidates) > 1:
            await replace_transaction(of.ports, outflow.order_id, candidate.tx_id)
        at = of.ports.clock.now()
        await of.outflows.settled(outflow.order_id, tx_id=candidate.tx_id, at=at)
        return True

    async def _push(self, outflow: Outflow, *, may_replace: bool) -> bool:
        """Broadcast again what the node has dropped; raise the fee of what waits for too long."""
        of = self._of
        newest = outflow.candidates[-1]
        if not await of.outflows.is_on():
            return False
        if not await of.wallet.is_known(newest.tx_id):
            for older in outflow.candidates[:-1]:
                if not may_replace or await of.wallet.is_spent_from(older.tx_id):
                    return False
            log.warning("outflow broadcast again", order=str(outflow.order_id), tx_id=newest.tx_id)
            await self._broadcast(outflow, Signed(newest.raw, newest.tx_id))
        elif may_replace and of.ports.clock.now() - newest.signed_at > of.raise_fee_after:
            await self._raise_fee(outflow, newest)
        return False

    async def _raise_fee(self, outflow: Outflow, stuck: Candidate) -> None:
        """Sign one that takes the stuck one's place, store it, and only then broadcast it."""
        of = self._of
        signed = await of.wallet.raise_fee(outflow, stuck.tx_id)
        if await of.outflows.replace(outflow, raw=signed.raw, tx_id=signed.tx_id):
            metrics.FEES_RAISED.labels(of.network).inc()
            log.warning(
                "fee raised", order=str(outflow.order_id), stuck=stuck.tx_id, tx_id=signed.tx_id
            )
            await self._broadcast(outflow, signed)

    async def _broadcast(self, outflow: Outflow, signed: Signed) -> None:
        await self._of.wallet.broadcast(signed)
        if len(outflow.candidates) > 1 or signed.tx_id != outflow.candidates[0].tx_id:
            await replace_transaction(self._of.ports, outflow.order_id, signed.tx_id)
