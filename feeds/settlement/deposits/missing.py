"""Decides when a transfer that its chain once reported is dropped."""

from collections.abc import Callable
from datetime import timedelta

from domain.chains.transfers import ObservedTransfer
from feeds.settlement.chains.interface import ProofUnavailable
from feeds.settlement.deposits.node_pair import NodePair

Key = tuple[str, str, str]


class MissingTransfers:
    """Since when each unconfirmed transfer has been missing on both nodes of a network."""

    def __init__(
        self, nodes: NodePair, *, drop_after: timedelta, monotonic: Callable[[], float]
    ) -> None:
        self._nodes = nodes
        self._drop_after = drop_after
        self._monotonic = monotonic
        self._since: dict[Key, float] = {}
        self.unproven: str | None = None
        """What a node last stated that it could not prove."""

    async def look_up(
        self, tx_id: str, *, address: str, asset: str
    ) -> tuple[ObservedTransfer | None, bool]:
        """Return what both nodes report of a transfer, and whether it is dropped.

        It is dropped once neither node has known it for long enough.
        """
        key = (tx_id, address, asset)
        try:
            observed = await self._nodes.agreed(tx_id, address=address, asset=asset)
            if observed is None:
                return None, await self._is_dropped(key)
        except ProofUnavailable as error:
            self.unproven = str(error)
            return None, False
        self._since.pop(key, None)
        return observed, False

    async def _is_dropped(self, key: Key) -> bool:
        tx_id, address, asset = key
        if await self._nodes.is_known(tx_id, address=address, asset=asset):
            self._since.pop(key, None)
            return False
        now = self._monotonic()
        since = self._since.setdefault(key, now)
        if now - since < self._drop_after.total_seconds():
            return False
        del self._since[key]
        return True
