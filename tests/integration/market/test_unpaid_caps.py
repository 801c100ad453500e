"""The caps on unpaid orders are exact under concurrency, and spam of the page spares the others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from domain.assets import Catalogue
from domain.errors import DomainError, UnpaidCapExceeded
from domain.market.unpaid import UnpaidCap, UnpaidScope
from domain.orders.order import Order
from domain.orders.states import Emergency, State
from domain.partners.partner import Partner
from domain.partners.unsigned_limits import IPV6_BUDGETS
from gateway.errors import error_response
from gateway.runtime.clock import new_id
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.market.unpaid import PostgresUnpaidCapRepository
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from persistence.postgres.reconciliation.differences import differences
from tests.conftest import DatabaseUrls
from tests.support.builders.records import add_addresses, new_order, stored_partner

USD = 10**18
CLIENT, PAGE, PARTNER = UnpaidScope.CLIENT, UnpaidScope.PAGE, UnpaidScope.PARTNER
ANA, BEN = b"a" * 32, b"b" * 32


class Exchange:
    """Orders of two partners and of the swap page, and the operator's caps."""

    def __init__(
        self, urls: DatabaseUrls, catalogue: Catalogue, partners: tuple[Partner, Partner]
    ) -> None:
        self.catalogue = catalogue
        self.partner, self.other = partners
        self.gateway = Database(urls.gateway, size=8)
        self.settlement = Database(urls.settlement)
        self.admin = Database(urls.admin)
        # two workers: each gathers its own orders into statements
        self.workers = [PostgresOrderRepository(self.gateway, lambda: catalogue) for _ in range(2)]
        self.opened = 0
        self.orders = PostgresSettlementOrderRepository(self.settlement, lambda: catalogue)
        self.caps = PostgresUnpaidCapRepository(self.admin)

    async def open(
        self,
        partner: Partner | None = None,
        *,
        client: bytes | None = None,
        networks: tuple[bytes, ...] = (),
        usd: int = 100,
    ) -> Order:
        order = new_order(partner or self.partner, self.catalogue, id=new_id(), worth_usd=usd * USD)
        self.opened += 1
        opened = await self.workers[self.opened % 2].open(
            order,
            token_hash=b"t" * 32,
            idempotency=None,
            client=client,
            client_networks=networks,
        )
        return opened.order

    async def move(self, order: Order, state: State, **changes: object) -> None:
        stored = await self.orders.read(order.id)
        assert stored is not None
        moved = msgspec.structs.replace(stored.order, state=state, **changes)
        assert await self.orders.save(moved, expected_version=stored.version, event=None)

    async def cap(self, scope: UnpaidScope, usd: int | None, *, of: Partner | None = None) -> None:
        await self.caps.set(scope, of, None if usd is None else usd * USD)

    async def cap_number(self, scope: UnpaidScope, orders: int) -> None:
        await self.caps.set(scope, None, None, orders=orders)

    async def unpaid(self, scope: UnpaidScope, *, of: Partner | None = None) -> int:
        """Return the total that counts in a cap, in whole USD."""
        who = of.email if of else None
        (cap,) = [one for one in await self.caps.caps() if (one.scope, one.who) == (scope, who)]
        return cap.unpaid_usd // USD

    async def check_totals(self) -> None:
        found = [one async for one in differences(self.admin, self.catalogue)]
        assert [one for one in found if one.what == "unpaid orders"] == []


@pytest.fixture
async def exchange(database_urls: DatabaseUrls) -> AsyncIterator[Exchange]:
    admin = Database(database_urls.admin)
    partners = await stored_partner(admin), await stored_partner(admin)
    exchange = Exchange(database_urls, await read_catalogue(admin), partners)
    admin.close()
    add_addresses(database_urls.owner, 300)
    yield exchange
    for database in (exchange.gateway, exchange.settlement, exchange.admin):
        database.close()


async def outcomes(calls: list[Any]) -> Counter[type | None]:
    """Return how many of the calls succeeded, by None, and how many failed, by error."""
    ended = await asyncio.gather(*calls, return_exceptions=True)
    return Counter(type(one) if isinstance(one, BaseException) else None for one in ended)


@pytest.mark.parametrize(
    ("scope", "client"),
    [(PARTNER, None), (PAGE, ANA), (CLIENT, ANA)],
    ids=["partner", "page", "client"],
)
async def test_200_concurrent_orders_never_exceed_a_cap(
    exchange: Exchange, scope: UnpaidScope, client: bytes | None
) -> None:
    await exchange.cap(scope, 1_050)
    ended = await outcomes([exchange.open(client=client) for _ in range(200)])
    assert ended == {None: 10, UnpaidCapExceeded: 190}
    assert await exchange.unpaid(scope) == 1_000
    await exchange.check_totals()


async def test_spam_of_the_page_affects_neither_signed_orders_nor_other_clients(
    exchange: Exchange,
) -> None:
    await exchange.cap(CLIENT, 300)
    await exchange.cap(PAGE, 1_000)
    await exchange.cap(PARTNER, 2_000)
    spam = [exchange.open(client=ANA) for _ in range(40)]
    signed = [exchange.open() for _ in range(20)]
    others = [exchange.open(exchange.other, client=BEN) for _ in range(3)]
    ended = await asyncio.gather(
        *(outcomes(calls) for calls in (spam, signed, others)),
    )
    assert ended == [{None: 3, UnpaidCapExceeded: 37}, {None: 20}, {None: 3}]
    assert await exchange.unpaid(PAGE) == 600
    await exchange.check_totals()


async def test_many_clients_together_never_exceed_the_cap_of_the_page(exchange: Exchange) -> None:
    await exchange.cap(CLIENT, 300)
    await exchange.cap(PAGE, 1_000)
    clients = [bytes([number]) * 32 for number in range(20)]
    ended = await outcomes([exchange.open(client=one) for one in clients for _ in range(3)])
    assert ended == {None: 10, UnpaidCapExceeded: 50}
    await exchange.open()
    await exchange.check_totals()


async def test_a_partner_at_its_cap_affects_no_other_partner(exchange: Exchange) -> None:
    await exchange.cap(PARTNER, 500)
    await exchange.cap(PARTNER, 200, of=exchange.partner)
    ended = await asyncio.gather(
        outcomes([exchange.open() for _ in range(20)]),
        outcomes([exchange.open(exchange.other) for _ in range(20)]),
    )
    own, others = ended
    assert own == {None: 2, UnpaidCapExceeded: 18}
    assert others == {None: 5, UnpaidCapExceeded: 15}
    assert await exchange.caps.caps() == [
        UnpaidCap(CLIENT, None),
        UnpaidCap(PAGE, None),
        UnpaidCap(PARTNER, 500 * USD, None, 500 * USD, unpaid_orders=5),
        UnpaidCap(PARTNER, 200 * USD, exchange.partner.email, 200 * USD, unpaid_orders=2),
    ]
    await exchange.cap(PARTNER, None, of=exchange.partner)
    assert (await outcomes([exchange.open() for _ in range(5)]))[None] == 3
    await exchange.check_totals()


@pytest.mark.parametrize("client", [None, ANA], ids=["signed", "unsigned"])
@pytest.mark.parametrize("state", [State.CONFIRMING, State.EXPIRED, State.CANCELLED])
async def test_an_order_that_is_paid_or_ends_frees_its_part_of_the_caps(
    exchange: Exchange, state: State, client: bytes | None
) -> None:
    for scope in UnpaidScope:
        await exchange.cap(scope, 100)
    order = await exchange.open(client=client)
    with pytest.raises(UnpaidCapExceeded):
        await exchange.open(client=client)
    await exchange.move(order, state)
    assert [await exchange.unpaid(scope) for scope in UnpaidScope] == [0, 0, 0]
    await exchange.open(client=client)
    await exchange.check_totals()


@pytest.mark.parametrize("client", [None, ANA], ids=["signed", "unsigned"])
async def test_an_order_whose_deposit_is_dropped_counts_again(
    exchange: Exchange, client: bytes | None
) -> None:
    for scope in UnpaidScope:
        await exchange.cap(scope, 150)
    order = await exchange.open(client=client)
    await exchange.move(order, State.CONFIRMING)
    await exchange.move(order, State.AWAITING_DEPOSIT)
    assert await exchange.unpaid(PAGE if client else PARTNER) == 100
    await exchange.check_totals()
    with pytest.raises(UnpaidCapExceeded):
        await exchange.open(client=client)
    await exchange.move(order, State.HELD, emergency=(Emergency.LIMIT,))
    assert [await exchange.unpaid(scope) for scope in UnpaidScope] == [0, 0, 0]


@pytest.mark.parametrize(
    ("scope", "client"),
    [(PARTNER, None), (PAGE, ANA), (CLIENT, ANA)],
    ids=["partner", "page", "client"],
)
async def test_concurrent_orders_never_exceed_a_cap_on_their_number(
    exchange: Exchange, scope: UnpaidScope, client: bytes | None
) -> None:
    await exchange.cap_number(scope, 7)
    ended = await outcomes([exchange.open(client=client, usd=1 + n) for n in range(40)])
    assert ended == {None: 7, UnpaidCapExceeded: 33}
    await exchange.check_totals()


async def test_the_clients_of_a_larger_network_share_a_larger_cap(exchange: Exchange) -> None:
    await exchange.cap_number(CLIENT, 3)
    site = b"48" * 16

    async def spam(half: int) -> int:
        """Return how many orders are opened from 16 /64 networks of a /56."""
        networks = (bytes([200 + half]) * 32, site)
        calls = [
            exchange.open(client=bytes([16 * half + number]) * 32, networks=networks)
            for number in range(16)
        ]
        return (await outcomes(calls))[None]

    assert [await spam(half) for half in range(4)] == [6, 6, 0, 0]
    assert len([await exchange.open(client=BEN) for _ in range(3)]) == 3
    await exchange.check_totals()


async def test_an_order_that_ends_frees_its_part_of_every_network(exchange: Exchange) -> None:
    await exchange.cap_number(CLIENT, 1)
    networks = (b"5" * 32, b"4" * 32)
    orders = [await exchange.open(client=one, networks=networks) for one in (ANA, BEN)]
    with pytest.raises(UnpaidCapExceeded):
        await exchange.open(client=b"c" * 32, networks=networks)
    await exchange.move(orders[0], State.EXPIRED)
    await exchange.open(client=b"c" * 32, networks=networks)
    for state, order in ((State.CONFIRMING, orders[1]), (State.AWAITING_DEPOSIT, orders[1])):
        await exchange.move(order, state)
    await exchange.check_totals()
    (row,) = await exchange.admin.fetch(
        "SELECT count(*) AS n FROM orders WHERE client_networks IS NOT NULL"
    )
    assert row["n"] == 1


def test_the_database_gives_networks_the_budgets_of_the_rate_limits() -> None:
    assert list(IPV6_BUDGETS.values()) == [2**position for position in range(3)]


async def test_the_hash_of_a_client_is_forgotten_when_its_order_is_paid_or_ends(
    exchange: Exchange,
) -> None:
    await exchange.cap(CLIENT, 1_000)
    orders = [await exchange.open(client=ANA) for _ in range(2)]
    stored = "SELECT count(*) AS n FROM orders WHERE client IS NOT NULL"
    totals = "SELECT count(*) AS n FROM unpaid_totals"
    assert [(await exchange.admin.fetch(one))[0]["n"] for one in (stored, totals)] == [2, 1]
    await exchange.move(orders[0], State.CONFIRMING)
    assert [(await exchange.admin.fetch(one))[0]["n"] for one in (stored, totals)] == [1, 1]
    await exchange.move(orders[1], State.EXPIRED)
    assert [(await exchange.admin.fetch(one))[0]["n"] for one in (stored, totals)] == [0, 0]


async def test_a_new_cap_counts_the_orders_that_are_unpaid_already(exchange: Exchange) -> None:
    for client in (None, ANA, ANA, BEN):
        await exchange.open(client=client)
    await exchange.move(await exchange.open(), State.CONFIRMING)
    for scope in UnpaidScope:
        await exchange.cap(scope, 350)
    assert [await exchange.unpaid(scope) for scope in UnpaidScope] == [200, 300, 100]
    with pytest.raises(UnpaidCapExceeded):
        await exchange.open(client=BEN)
    await exchange.check_totals()


async def test_a_cap_set_while_orders_are_created_is_exact(exchange: Exchange) -> None:
    calls = [asyncio.ensure_future(exchange.open()) for _ in range(150)]
    await asyncio.sleep(0)
    await exchange.cap(PARTNER, 5_000)
    ended = await outcomes(list(calls))
    assert ended.keys() <= {None, UnpaidCapExceeded}
    assert await exchange.unpaid(PARTNER) == 100 * ended[None]
    await exchange.check_totals()


async def test_orders_move_and_open_at_the_same_time_without_deadlock(exchange: Exchange) -> None:
    for scope in UnpaidScope:
        await exchange.cap(scope, 10_000)
    orders = [await exchange.open(client=client) for client in (ANA, BEN, None) * 10]
    ended = await outcomes(
        [exchange.move(one, State.EXPIRED) for one in orders]
        + [exchange.open(client=client) for client in (BEN, ANA, None) * 10]
    )
    assert ended == {None: 60}
    await exchange.check_totals()


async def test_without_a_cap_nothing_is_counted(exchange: Exchange) -> None:
    await exchange.open(client=ANA)
    await exchange.move(await exchange.open(), State.CONFIRMING)
    assert await exchange.admin.fetch("SELECT * FROM unpaid_totals") == []
    assert all(one.cap_usd is None for one in await exchange.caps.caps())


async def test_the_gateway_may_set_no_cap_and_forget_no_total(exchange: Exchange) -> None:
    for statement in (
        "INSERT INTO unpaid_caps (scope, usd) VALUES ('page', 1)",
        "DELETE FROM unpaid_totals",
        "UPDATE orders SET client = NULL",
    ):
        for database in (exchange.gateway, exchange.settlement):
            with pytest.raises(Exception, match="permission denied"):
                await database.fetch(statement)


def test_a_cap_on_unpaid_orders_is_an_error_of_the_contract() -> None:
    row = error_response(UnpaidCapExceeded("unpaid cap exceeded: page"))
    assert issubclass(UnpaidCapExceeded, DomainError)
    assert (row.code, row.msg, row.status) == (8, "LIMIT_MAX", 400)
