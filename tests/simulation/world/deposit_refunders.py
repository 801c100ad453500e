"""Two operators who refund deposits that no order can use: propose, approve, withdraw."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final
from uuid import UUID

from domain.actions.operator.deposits import (
    DepositPorts,
    RefundRequest,
    UnexpectedDeposit,
    propose_refund,
)
from domain.actions.operator.operators import Identity
from domain.actions.operator.proposals import approve_proposal, withdraw_proposal
from domain.clock import Clock
from domain.market.ports import Market
from persistence.postgres.chains.addresses.own_addresses import PostgresOwnAddresses
from persistence.postgres.operators.proposals import PostgresProposalRepository
from persistence.postgres.orders.unexpected_deposits import PostgresUnexpectedDeposits
from tests.simulation.chains.account_chain import AccountChain, Behavior
from tests.simulation.checks.books import BookedRefund
from tests.simulation.world.attempts import Attempt
from tests.simulation.world.customers import address_on
from tests.simulation.world.storage import ProcessDatabase

PEOPLE: Final = (Identity("ana", verified=True), Identity("ben", verified=True))
LISTED: Final = 20
HOSTILE: Final = 0.3
"""How many addresses of refunds reject what they receive, or burn gas."""


class DepositRefunders:
    """Operators who refund unexpected deposits; each method returns what came of it."""

    def __init__(
        self,
        attempt: Attempt,
        admin: ProcessDatabase,
        *,
        market: Market,
        clock: Clock,
        new_id: Callable[[], UUID],
        random: Random,
        accounts: AccountChain,
        hostile: Sequence[Behavior],
    ) -> None:
        self._attempt = attempt
        self._random = random
        self._accounts = accounts
        self._hostile = hostile
        self._market = market
        self._clock = clock
        self._new_id = new_id
        self._deposits = PostgresUnexpectedDeposits(admin)
        self._proposals = PostgresProposalRepository(admin)
        self._own_addresses = PostgresOwnAddresses(admin)
        self._proposed = 0

    async def act(self) -> str:
        """Propose to refund a deposit, or decide about a proposal."""
        return await self._random.choice((self.propose, self.decide))()

    async def propose(self) -> str:
        """Propose to refund one of the unexpected deposits, confirmed or not, again or not."""
        found = await self._attempt.value(self._deposits.newest(limit=LISTED))
        if not found:
            return "no unexpected deposit"
        deposit, who = self._random.choice(found), self._random.choice(PEOPLE)
        result = await self._propose(deposit, who, is_hostile=self._random.random() < HOSTILE)
        return f"{who.name}: deposit refund {deposit.tx_id[:8]}: {result}"

    async def repropose(self, refund: BookedRefund) -> str:
        """Propose to send a deposit whose refund was closed to an address that takes it."""
        for deposit in await self._attempt.value(self._deposits.of_transaction(refund.tx_id)):
            key = (deposit.order_id, deposit.asset, deposit.proposal)
            if key == (refund.order_id, refund.asset, None):
                return await self._propose(deposit, PEOPLE[0])
        return "it is not listed"

    async def _propose(
        self, deposit: UnexpectedDeposit, who: Identity, *, is_hostile: bool = False
    ) -> str:
        self._proposed += 1
        ports = DepositPorts(
            deposits=self._deposits,
            own_addresses=self._own_addresses,
            proposals=self._proposals,
            catalogue=self._market.catalogue,
            snapshot=self._market.newest_snapshot(),
            clock=self._clock,
            new_id=self._new_id,
        )
        address = address_on(deposit.network, f"refund {self._proposed}")
        if is_hostile and deposit.network == self._accounts.network:
            self._accounts.corrupt(address, deposit.asset, self._hostile)
        request = RefundRequest(
            tx_id=deposit.tx_id,
            address=address,
            tag=None,
            order_id=deposit.order_id,
            reason="simulated",
        )
        return await self._attempt(propose_refund(ports, request, who))

    async def finish(self, *, is_first: bool) -> None:
        """Have every unexpected deposit sent back that can be, with the second person's approval.

        Those that nobody has proposed yet are proposed the first time only.
        """
        ana, ben = PEOPLE
        for deposit in await self._attempt.value(self._deposits.newest(limit=1_000)):
            if deposit.proposal is None and is_first:
                await self._propose(deposit, ana)
        for one in await self._attempt.value(self._proposals.newest(limit=1_000)):
            if one.approved_at is None and one.withdrawn_at is None:
                who = ben if one.proposed_by == ana.name else ana
                now = self._clock.now()
                await self._attempt(approve_proposal(self._proposals, one.id, who, now=now))

    async def some(self) -> UUID | None:
        """Return the id of a proposal, if there is one."""
        found = await self._attempt.value(self._proposals.newest(limit=LISTED))
        return self._random.choice(found).id if found else None

    async def decide(self) -> str:
        """Approve or withdraw one of the proposals, decided or not, one's own or not."""
        found = await self._attempt.value(self._proposals.newest(limit=LISTED))
        if not found:
            return "no proposal"
        proposal, who = self._random.choice(found), self._random.choice(PEOPLE)
        act = approve_proposal if self._random.random() < 0.8 else withdraw_proposal
        result = await self._attempt(act(self._proposals, proposal.id, who, now=self._clock.now()))
        return f"{who.name}: {act.__name__} {proposal.id.hex[-6:]}: {result}"
