"""Records deposits when our own node has them in its mempool, before they are in a block."""

from typing import TYPE_CHECKING

from feeds.settlement.deposits.deposit_recorder import DepositRecorder
from feeds.settlement.deposits.ports import WatchPorts

if TYPE_CHECKING:
    from domain.chains.transfers import Transfer


class MempoolScan:
    """The transfers that entered the mempool and are not recorded yet.

    A node reports each once, so they are kept until they are recorded.
    """

    def __init__(self, ports: WatchPorts, recorder: DepositRecorder) -> None:
        self._nodes = ports.nodes
        self._recorder = recorder
        self._unrecorded: list[Transfer] = []

    async def advance(self) -> bool:
        """Record what is new; return whether all of the mempool has been read."""
        pending = await self._nodes.pending()
        self._unrecorded += pending.transfers
        expected = await self._recorder.expected(self._unrecorded)
        for transfer in self._unrecorded:
            order = expected.get(transfer.address)
            if order is not None:
                since = await self._nodes.first_seen(transfer.tx_id)
                await self._recorder.record(transfer, order, since=since)
        self._unrecorded.clear()
        return pending.is_complete
