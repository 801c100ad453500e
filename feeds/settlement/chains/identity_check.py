"""Checks that a node follows the declared chain: at first, and after each failed call."""

from collections.abc import Awaitable, Callable

from feeds.settlement.chains.interface import WrongChain
from feeds.settlement.chains.rpc import Rpc


class IdentityCheck:
    """The check of one connection. A node behind a URL may be replaced while calls to it fail."""

    def __init__(
        self, rpc: Rpc, network: str, find_difference: Callable[[], Awaitable[str | None]]
    ) -> None:
        """`find_difference` calls the node and returns how it differs from what is declared."""
        self._rpc = rpc
        self._network = network
        self._find_difference = find_difference
        self._passed_after: int | None = None

    async def require(self, *, again: bool = False) -> None:
        """Raise WrongChain, NodeUnavailable or NodeRejected unless the node is the right one.

        The node is called only if a call has failed since the last check that passed, or `again`.
        """
        failures = self._rpc.failures
        if self._passed_after == failures and not again:
            return
        self._passed_after = None
        difference = await self._find_difference()
        if difference is not None:
            raise WrongChain(f"{self._rpc.name} is no node of {self._network}: {difference}")
        self._passed_after = failures
