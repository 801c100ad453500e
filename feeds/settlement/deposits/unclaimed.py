"""Confirms the deposits that no order can use, and drops those no longer on their chain."""

from collections.abc import Mapping

import msgspec
import structlog

from domain.chains.transfers import Transfer
from feeds.settlement.deposits.missing import MissingTransfers
from feeds.settlement.deposits.ports import WatchPorts

log = structlog.get_logger()


class UnclaimedConfirmations:
    """The unconfirmed unclaimed deposits of a network."""

    def __init__(self, ports: WatchPorts, missing: MissingTransfers) -> None:
        self._ports = ports
        self._missing = missing

    async def check(self, height: int, required: Mapping[str, int]) -> None:
        """Count the confirmations of all of them at a height of the chain."""
        for transfer in await self._ports.chains.unconfirmed_unclaimed(self._ports.network):
            await self._check(transfer, height, required[transfer.asset])

    async def _check(self, transfer: Transfer, height: int, required: int) -> None:
        chains, network = self._ports.chains, self._ports.network
        tx_id, address, asset = transfer.tx_id, transfer.address, transfer.asset
        observed = await self._ports.nodes.agreed(tx_id, address=address, asset=asset)
        if observed is None:
            if await self._missing.is_dropped(tx_id, address=address, asset=asset):
                log.warning("unclaimed deposit dropped", tx_id=tx_id, asset=asset)
                await chains.drop_unclaimed(network, transfer)
            return
        self._missing.found(tx_id, address=address, asset=asset)
        if observed.height is not None and height - observed.height + 1 >= required:
            confirmed = msgspec.structs.replace(transfer, amount=observed.amount)
            await chains.confirm_unclaimed(network, confirmed)
