"""Sends approved refunds of deposits that no order can use: like payouts, once each."""

import msgspec

from domain.chains.deposit_refunds import DepositRefund
from domain.chains.outflows import NeedsApproval, Outflow
from domain.errors import Unavailable
from feeds.settlement.chains.interface import Signed
from feeds.settlement.payouts.checks import PayoutChecks
from feeds.settlement.payouts.cost_bounds import CostBounds
from feeds.settlement.payouts.ports import PayoutPorts
from feeds.settlement.payouts.steps import broadcast, or_cancel, record_broadcast


class DepositRefunds:
    """The approved refunds of one network."""

    def __init__(self, ports: PayoutPorts, checks: PayoutChecks, bounds: CostBounds) -> None:
        self._ports = ports
        self._checks = checks
        self._bounds = bounds

    async def begin(self, refund: DepositRefund) -> bool:
        """Read the deposit again from its chain, record the intention, and send the refund.

        The refund of a deposit that is gone waits until the deposit is confirmed again.
        """
        if not await self._checks.is_transfer_confirmed(refund):
            if await self._checks.unconfirm_transfer(refund):
                return False
            raise Unavailable("the nodes do not report the deposit at its depth")
        if not await self._create(refund):
            raise Unavailable("the refund has an outflow already, or the lease was lost")
        for outflow in await self._ports.outflows.unbroadcast(self._ports.network):
            if outflow.order_id == refund.id:
                return await self.finish(outflow)
        return False

    async def finish(self, outflow: Outflow) -> bool:
        """Sign a refund unless it is signed, and broadcast it."""
        refund = await self._ports.outflows.find_refund(outflow.order_id)
        if refund is None:
            raise Unavailable("the refund is not approved")
        signed = await self._signed(refund, outflow)
        if signed is None:
            return False
        await broadcast(self._ports, signed)
        await record_broadcast(self._ports, outflow, signed.tx_id)
        return True

    async def _create(self, refund: DepositRefund) -> bool:
        ports, draft = self._ports, refund.draft()
        max_cost = await self._bounds.max_cost_of_refund(refund)
        prepared = await ports.wallet.prepare(draft, max_cost=max_cost)
        return await ports.outflows.create_refund(
            msgspec.structs.replace(draft, nonce=prepared.nonce),
            usd=self._bounds.counted_usd(draft, max_cost=prepared.max_cost),
            fee=self._bounds.in_coins(prepared.max_cost),
        )

    async def _signed(self, refund: DepositRefund, outflow: Outflow) -> Signed | None:
        """Return the transaction to broadcast; None if the intention ended instead."""
        if outflow.candidates:
            return await self._signed_before(refund, outflow)
        await self._checks.require_enabled()
        return await or_cancel(self._ports, outflow, self._sign(refund, outflow))

    async def _sign(self, refund: DepositRefund, outflow: Outflow) -> Signed | None:
        ports = self._ports
        if not await self._checks.is_transfer_confirmed(refund):
            raise Unavailable("the nodes do not report the deposit any more")
        await ports.leadership.require()
        max_cost = await self._bounds.max_cost_of_refund(refund)
        signed = await ports.wallet.sign(outflow, max_cost=max_cost)
        stored = await ports.outflows.store_signed(outflow, raw=signed.raw, tx_id=signed.tx_id)
        return signed if stored else None

    async def _signed_before(self, refund: DepositRefund, outflow: Outflow) -> Signed:
        signed = Signed(outflow.candidates[-1].raw, outflow.candidates[-1].tx_id)
        if await self._ports.wallet.is_known(signed.tx_id):
            return signed
        await self._checks.require_enabled()
        if await self._checks.is_transfer_confirmed(refund):
            return signed
        raise NeedsApproval("the deposit is gone, and its refund is signed: it is held back")
