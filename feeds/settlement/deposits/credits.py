"""Decides operators' requests to credit deposits that no scan of blocks detects."""

from typing import Final

import structlog

from domain.chains.deposit_credits import DepositCredit
from domain.chains.transfers import ExpectedDeposit, Transfer
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, ProofUnavailable
from feeds.settlement.deposits.deposit_recorder import DepositRecorder
from feeds.settlement.deposits.ports import WatchPorts

log: Final = structlog.get_logger()


class CannotCredit(Exception):
    """A request cannot be credited; the message states why, for the operator."""


class DepositCredits:
    """The requests of one network: the amount is what both nodes prove, and never an operator's."""

    def __init__(self, ports: WatchPorts, recorder: DepositRecorder) -> None:
        self._ports = ports
        self._recorder = recorder

    async def decide(self) -> None:
        """Record what is proven as deposits of their orders, and reject what is not.

        One that a node does not respond to is rejected too: it may be requested again, and must not
        delay all other deposits. Raises NodeDisagreement, WrongChain, and Unavailable.
        """
        for credit in await self._ports.chains.pending_credits(self._ports.network):
            try:
                await self._credit(credit)
            except (CannotCredit, ProofUnavailable, NodeUnavailable, NodeRejected) as error:
                log.warning("deposit not credited", tx_id=credit.tx_id, reason=str(error))
                await self._ports.chains.reject_credit(credit, str(error))

    async def _credit(self, credit: DepositCredit) -> None:
        chains, network = self._ports.chains, self._ports.network
        expected = (await chains.expected_deposits(network, {credit.address})).get(credit.address)
        if expected is None:
            raise CannotCredit(f"no order has the pay-in address {credit.address}")
        amount, height = await self._proven(credit)
        transfer = Transfer(credit.tx_id, credit.address, credit.asset, amount)
        await self._record(transfer, expected, height=height)
        await chains.mark_credited(credit, transfer)
        log.info("deposit credited", order=str(expected.order_id), tx_id=credit.tx_id)

    async def _proven(self, credit: DepositCredit) -> tuple[int, int]:
        """Return the amount that both nodes prove, and the height of its block."""
        nodes, tx_id = self._ports.nodes, credit.tx_id
        key = {"address": credit.address, "asset": credit.asset}
        proven = await nodes.agreed(tx_id, **key)
        if proven is not None and proven.height is not None:
            return proven.amount, proven.height
        failed = await nodes.has_failed(tx_id)
        if failed is None:
            raise CannotCredit("the transaction is in no block of the chain")
        if failed:
            raise CannotCredit("the transaction failed: it moved nothing")
        if await nodes.is_known(tx_id, **key):
            raise CannotCredit("only one of the two nodes has the transfer: request it again later")
        raise CannotCredit("the transaction brought nothing to the address")

    async def _record(self, transfer: Transfer, expected: ExpectedDeposit, *, height: int) -> None:
        """Record the deposit like one of a block; one that is recorded already is unchanged."""
        ours, theirs = await self._ports.nodes.block_hashes(height)
        if ours is None or ours != theirs:
            raise CannotCredit("the nodes have different blocks at its height: request it again")
        since = await self._ports.nodes.block_time(ours)
        await self._recorder.record(transfer, expected, since=since)
