"""A round of the reuse of addresses looks on until it finds some, and keeps few free at a time."""

import asyncio
from collections.abc import Collection, Sequence
from uuid import uuid4

from domain.chains.pay_in import IMPORTED, PayInAccount, UnpaidAddress
from domain.chains.ports import UnpaidAddresses
from feeds.settlement.addresses.reuse import MAX_WAITING, AddressReuse

PAGE = 1_000


class Store:
    """Addresses by their ids; `waiting` of them are free to be reused."""

    def __init__(self, ids: Sequence[int], *, waiting: int = 0) -> None:
        self.unpaid = [UnpaidAddress(one, uuid4(), f"address {one}", one) for one in ids]
        self.waiting = waiting
        self.released: list[int] = []

    async def reusing_account(self, network: str) -> PayInAccount:
        return PayInAccount(network, IMPORTED, "")

    async def count_reusable(self, network: str, *, at_most: int) -> int:
        assert network == "Litecoin"
        return min(self.waiting, at_most)

    async def unpaid_addresses(self, _: str, *, after: int) -> UnpaidAddresses:
        until = after + PAGE
        found = [one for one in self.unpaid if after < one.id <= until]
        return UnpaidAddresses(found, until if until < self.unpaid[-1].id else 0)

    async def release(self, unpaid: UnpaidAddress) -> bool:
        self.released.append(unpaid.id)
        return True

    async def unused(self, addresses: Sequence[str]) -> Collection[str]:
        return frozenset(addresses)


def job(store: Store, *, is_reliable: bool = True) -> AddressReuse:
    async def reliable() -> bool:
        return is_reliable

    return AddressReuse(
        store, store, network="Litecoin", is_reliable=reliable, to_thread=asyncio.to_thread
    )


async def test_a_round_looks_beyond_the_addresses_that_were_paid_to() -> None:
    store = Store([50 * PAGE])
    assert await job(store).round() == 1
    assert store.released == [50 * PAGE]


async def test_at_most_200_reused_addresses_are_free_and_the_next_round_goes_on_there() -> None:
    store = Store(range(1, 2 * MAX_WAITING), waiting=MAX_WAITING - 3)
    reuse = job(store)
    assert await reuse.round() == 3
    store.waiting = MAX_WAITING
    assert await reuse.round() == 0
    store.waiting = MAX_WAITING - 2
    assert await reuse.round() == 2
    assert store.released == [1, 2, 3, 4, 5]


async def test_nothing_is_set_free_while_the_nodes_disagree() -> None:
    store = Store([1])
    assert await job(store, is_reliable=False).round() == 0
    assert store.released == []
