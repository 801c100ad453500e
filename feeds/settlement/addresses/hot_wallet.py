"""Reports the addresses of a hot wallet, so that whoever validates addresses knows them as ours."""

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from feeds.settlement.chains.interface import Wallet

REPORT_SECONDS: Final = 60.0

AddAddresses = Callable[[str, Collection[str]], Awaitable[None]]
"""Stores addresses of a network's hot wallet; raises Unavailable."""


class HotWalletReport:
    """Reports each address of one wallet once."""

    def __init__(self, wallet: Wallet, *, network: str, add: AddAddresses) -> None:
        self._wallet = wallet
        self._network = network
        self._add = add
        self._reported: frozenset[str] = frozenset()

    async def round(self) -> int:
        """Store the addresses that are new, and return their number; raise Unavailable."""
        await self._wallet.check_identity()
        new = frozenset(await self._wallet.addresses()) - self._reported
        if new:
            await self._add(self._network, new)
            self._reported |= new
        return len(new)
