"""Sets pay-in addresses free whose orders were never paid, 90 days after those orders ended."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, Protocol

import structlog

from domain.chains.pay_in import IMPORTED, PayInAccount, UnpaidAddress
from domain.chains.ports import AddressReuseRepository, UnpaidAddresses
from feeds.settlement import metrics
from feeds.settlement.addresses.derivation import derive
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, ProofUnavailable

INTERVAL_SECONDS: Final = 600.0
MAX_PAGES: Final = 100
"""How many times a round goes on to look for addresses that may be reused."""
MAX_WAITING: Final = 200
"""How many reused addresses are free at a time: the proof that they are unused is then recent."""

log: Final = structlog.get_logger()


class UnusedProof(Protocol):
    """Two nodes, of which each proves what it can."""

    async def unused(self, addresses: Sequence[str]) -> Collection[str]:
        """Return the addresses that, as both nodes prove, nobody ever paid to.

        Raises ProofUnavailable, NodeUnavailable, NodeRejected and WrongChain.
        """


class AddressReuse:
    """The reuse of one network's addresses.

    An address is set free if the store and both nodes know of no payment to it, and if it is
    derived from the network's present account: nobody may have the keys of an account before it.
    The store checks its conditions again in the step that sets it free. Several processes may do
    this at once.
    """

    def __init__(
        self,
        repository: AddressReuseRepository,
        nodes: UnusedProof,
        *,
        network: str,
        is_reliable: Callable[[], Awaitable[bool]],
        to_thread: Callable[..., Awaitable[list[UnpaidAddress]]],
    ) -> None:
        """`is_reliable` returns whether the chain is followed and its nodes agree."""
        self._repository = repository
        self._nodes = nodes
        self._network = network
        self._is_reliable = is_reliable
        self._to_thread = to_thread
        self._after = 0

    async def round(self) -> int:
        """Set some addresses free; return how many."""
        account = await self._repository.reusing_account(self._network)
        if account is None or not await self._is_reliable():
            return 0
        waiting = await self._repository.count_reusable(self._network, at_most=MAX_WAITING)
        if waiting >= MAX_WAITING:
            return 0
        found = await self._next_unpaid()
        unpaid = found.addresses[: MAX_WAITING - waiting]
        is_complete = len(unpaid) == len(found.addresses)
        ours = await self._of_account(account, unpaid)
        unused = await self._unused([one.address for one in ours])
        if unused is None:
            return 0
        self._after = found.after if is_complete else unpaid[-1].id
        released = [
            one.address
            for one in ours
            if one.address in unused and await self._repository.release(one)
        ]
        if released:
            metrics.PAY_IN_RELEASED.labels(self._network).inc(len(released))
            log.info("addresses reused", network=self._network, released=len(released))
        return len(released)

    async def _next_unpaid(self) -> UnpaidAddresses:
        """Return the next addresses that may be reused; of many orders only some are examined."""
        found = await self._repository.unpaid_addresses(self._network, after=self._after)
        for _ in range(MAX_PAGES):
            if found.addresses or not found.after:
                break
            found = await self._repository.unpaid_addresses(self._network, after=found.after)
        return found

    async def _unused(self, addresses: Sequence[str]) -> Collection[str] | None:
        """Return the addresses that both nodes prove to be unused; None if one cannot tell."""
        if not addresses:
            return ()
        try:
            return await self._nodes.unused(addresses)
        except (ProofUnavailable, NodeUnavailable, NodeRejected) as error:
            reason = str(error)
        log.error("addresses not reused", network=self._network, reason=reason)
        return None

    async def _of_account(
        self, account: PayInAccount, unpaid: Sequence[UnpaidAddress]
    ) -> Sequence[UnpaidAddress]:
        """Return the addresses that belong to an account; an imported pool is never replaced."""
        if account.kind == IMPORTED:
            return unpaid
        return await self._to_thread(_derived, account, unpaid)


def _derived(account: PayInAccount, unpaid: Sequence[UnpaidAddress]) -> list[UnpaidAddress]:
    """Return the addresses that an account derives at their indices."""
    return [
        one
        for one in unpaid
        if [made.address for made in derive(account, start=one.index, count=1)] == [one.address]
    ]
