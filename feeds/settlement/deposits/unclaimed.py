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
        observed, is_dropped = await self._missing.look_up(tx_id, address=address, asset=asset)
        if is_dropped:
            log.warning("unclaimed deposit dropped", tx_id=tx_id, asset=asset)
            await chains.drop_unclaimed(network, transfer)
        elif observed is not None and observed.is_deep(required, at=height):
            confirmed = msgspec.structs.replace(transfer, amount=observed.amount)
            await chains.confirm_unclaimed(network, confirmed)
