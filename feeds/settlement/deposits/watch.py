"""Follows one chain through two nodes: deposits count once both report the same."""

from collections.abc import Mapping
from typing import Final

from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, WrongChain
from feeds.settlement.deposits.block_scan import BlockScan
from feeds.settlement.deposits.chain_status import ChainStatus
from feeds.settlement.deposits.confirmations import DepositConfirmations
from feeds.settlement.deposits.credits import DepositCredits
from feeds.settlement.deposits.deposit_recorder import DepositRecorder
from feeds.settlement.deposits.mempool_scan import MempoolScan
from feeds.settlement.deposits.node_pair import NodeDisagreement
from feeds.settlement.deposits.ports import WatchPorts

MAX_LAG: Final = 3
"""A node that is more blocks behind than this is reported."""


class ChainWatch:
    """Follows one chain, a round at a time."""

    def __init__(self, ports: WatchPorts) -> None:
        self._ports = ports
        recorder = DepositRecorder(ports)
        self._blocks = BlockScan(ports, recorder)
        self._mempool = MempoolScan(ports, recorder)
        self._credits = DepositCredits(ports, recorder)
        self._confirmations = DepositConfirmations(ports)
        self._status = ChainStatus(ports.network, ports.chains, monotonic=ports.monotonic)

    async def round(self) -> int:
        """Process what is new; return how many blocks were processed.

        Raises Unavailable if the database cannot be reached. While a node is unavailable the chain
        is on hold.
        """
        if await self._status.is_halted():
            return 0
        try:
            return await self._advance()
        except (NodeDisagreement, WrongChain) as found:
            await self.halt(found)
        except (NodeUnavailable, NodeRejected) as error:
            await self._status.report(None, str(error), nodes_agree=False, followed_until=None)
        return 0

    async def _advance(self) -> int:
        heights = await self._ports.nodes.heights()
        common, highest = min(heights), max(heights)
        lag = None
        if highest - common > MAX_LAG:
            lag = f"node {heights.index(common) + 1} is {highest - common} blocks behind"
        processed, fork = await self._blocks.advance(common=common, highest=highest)
        followed_until = unproven = None
        if fork:
            await self._ports.nodes.check_identity(again=True)
        else:
            if await self._mempool.advance():
                followed_until = await self._blocks.followed_until(common=common)
            await self._credits.decide()
            unproven = await self._confirmations.check(common)
        await self._status.report(
            common,
            fork or lag or unproven,
            nodes_agree=fork is None,
            followed_until=followed_until,
        )
        return processed

    async def is_reliable(self) -> bool:
        """Return whether the nodes agreed in the last round and the chain is not halted."""
        return await self._status.is_reliable()

    async def is_confirmed(self, order: Order, required: Mapping[str, int]) -> bool:
        """Read an order's deposit again: return whether all of it is in the chain, deep enough.

        Raises NodeDisagreement, WrongChain, and Unavailable if a node does not respond.
        """
        for deposit in order.deposits.counted:
            if not await self.is_transfer_confirmed(
                ObservedDeposit(deposit.tx_id, deposit.amount),
                address=order.pay_in_address,
                asset=order.source.code,
                required=required,
            ):
                return False
        return bool(order.deposits.counted)

    async def is_transfer_confirmed(
        self, deposit: ObservedDeposit, *, address: str, asset: str, required: Mapping[str, int]
    ) -> bool:
        """Read a deposit again: return whether it is in the chain, deep enough, with its amount.

        Raises what `is_confirmed` raises.
        """
        heights = await self._ports.nodes.heights()
        observed = await self._ports.nodes.agreed(deposit.tx_id, address=address, asset=asset)
        if observed is None or observed.amount != deposit.amount:
            return False
        return observed.is_deep(required[asset], at=min(heights))

    async def halt(self, reason: NodeDisagreement | WrongChain) -> None:
        """Halt the chain until the operator resumes it."""
        await self._status.halt(str(reason))
