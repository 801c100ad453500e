"""Decides when a transfer that its chain once reported is dropped."""

from collections.abc import Callable
from datetime import timedelta

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

    def found(self, tx_id: str, *, address: str, asset: str) -> None:
        """Record that both nodes know a transfer."""
        self._since.pop((tx_id, address, asset), None)

    async def is_dropped(self, tx_id: str, *, address: str, asset: str) -> bool:
        """Return whether neither node has known a transfer for long enough."""
        key = (tx_id, address, asset)
        if await self._nodes.is_known(tx_id, address=address, asset=asset):
            self._since.pop(key, None)
            return False
        now = self._monotonic()
        since = self._since.setdefault(key, now)
        if now - since < self._drop_after.total_seconds():
            return False
        del self._since[key]
        return True
