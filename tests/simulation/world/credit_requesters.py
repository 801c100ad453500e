"""Operators who request credits of deposits that no scan detects: rightly, and wrongly."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Final
from uuid import UUID

from domain.actions.operator.settlement.deposit_credits import (
    CreditPorts,
    CreditRequest,
    request_credit,
)
from domain.clock import Clock
from domain.market.ports import Market
from persistence.postgres.chains.deposit_credits import PostgresCreditRequests
from tests.simulation.chains.chain import Chain
from tests.simulation.checks.books import Books
from tests.simulation.world.attempts import Attempt
from tests.simulation.world.customers import CustomerOrder
from tests.simulation.world.deposit_refunders import PEOPLE
from tests.simulation.world.storage import ProcessDatabase

RIGHT: Final = 0.8
"""How often a request names a payment of a contract, and the address that it paid."""


class CreditRequesters:
    """Operators who request credits of internal transfers; each method returns what came of it."""

    def __init__(
        self,
        attempt: Attempt,
        admin: ProcessDatabase,
        *,
        market: Market,
        clock: Clock,
        new_id: Callable[[], UUID],
        random: Random,
        chain: Chain,
        orders: list[CustomerOrder],
    ) -> None:
        self._attempt = attempt
        self._random = random
        self._chain = chain
        self._orders = orders
        self._ports = CreditPorts(
            requests=PostgresCreditRequests(admin),
            catalogue=market.catalogue,
            clock=clock,
            new_id=new_id,
            pause=asyncio.sleep,
        )

    async def act(self) -> str:
        """Request a credit of any payment to any address: pending, mined, failed or seen before."""
        random = self._random
        found = list(self._internal(self._chain.known))
        if not found or random.random() > RIGHT:
            addresses = [one.order.pay_in_address for one in self._orders]
            if not addresses or not self._chain.known:
                return "no payment"
            found = [(random.choice(sorted(self._chain.known)), random.choice(addresses))]
        tx_id, address = random.choice(found)
        return f"deposit credit {tx_id[:8]}: {await self._request(tx_id, address)}"

    async def finish(self, books: Books) -> None:
        """Request a credit of every mined internal transfer to an order that is in no book."""
        addresses = {order.id: order.pay_in_address for order in books.orders}
        booked = {(one.tx_id, addresses[one.order_id]) for one in books.deposits if not one.dropped}
        unclaimed = {(one.tx_id, one.address) for one in books.unclaimed if not one.dropped}
        for tx_id, address in self._internal(self._chain.tip.receipts):
            is_booked = (tx_id, address) in booked or (tx_id, address) in unclaimed
            if address in addresses.values() and not is_booked:
                await self._request(tx_id, address)

    def _internal(self, tx_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield the payments of contracts among some transactions, with an address each."""
        for tx_id in tx_ids:
            tx = self._chain.known[tx_id]
            if tx.is_internal:
                for address, _, _ in tx.outputs:
                    yield tx_id, address

    async def _request(self, tx_id: str, address: str) -> str:
        who = self._random.choice(PEOPLE)
        request = CreditRequest(tx_id=tx_id, address=address, network=None, reason="simulated")
        result = await self._attempt(request_credit(self._ports, request, who))
        return f"{who.name}: {result}"
