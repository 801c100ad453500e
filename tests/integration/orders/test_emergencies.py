"""Held orders on a real PostgreSQL: parts of deposits, choices, and who may do what at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.observe_deposit import confirm_deposits, observe_deposit
from domain.actions.orders.ports import OrderPorts, SettlementPorts
from domain.actions.orders.resolve_emergency import choose_resolution, execute_choices
from domain.actions.orders.resolve_order import cancel_order, exchange_order, refund_order
from domain.errors import (
    DomainError,
    EmergencyInvalidChoice,
    InvalidTransition,
    NotFound,
    Unavailable,
)
from domain.market.rates import RateSnapshot
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.states import Choice, State
from domain.partners.credentials import token_hash
from domain.partners.partner import Partner
from gateway.runtime.clock import SystemClock, new_id
from gateway.runtime.market import LiveMarket
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import START, add_addresses, new_order, stored_partner

TOKEN = "t" * 43
FAR_OFF = START.replace(year=2100)
USD = 10**18
PRICES = {"BTC": 62_500 * USD, "USDT": USD}
LITTLE = 500
"""0.000005 BTC, 0.31 USD: below the bounds, and below the network fee of 1.2 USDT."""
MUCH = 100_000_000
"""1 BTC: above the bounds."""


class Swaps:
    """Orders of one partner as gateway, settlement and operator have them, each by its own role."""

    partner: Partner

    def __init__(self, urls: DatabaseUrls) -> None:
        self.urls = urls
        self.gateway = Database(urls.gateway, size=8)
        self.settling = Database(urls.settlement, size=8)
        self.admin = Database(urls.admin)
        self.market = LiveMarket()

    @property
    def opening(self) -> OrderPorts:
        return OrderPorts(
            clock=SystemClock(),
            market=self.market,
            orders=PostgresOrderRepository(self.gateway, lambda: self.market.catalogue),
            new_id=new_id,
            randomness=lambda size: b"r" * size,
        )

    @property
    def ports(self) -> SettlementPorts:
        return SettlementPorts(
            clock=SystemClock(),
            market=self.market,
            orders=PostgresSettlementOrderRepository(self.settling, lambda: self.market.catalogue),
            new_id=new_id,
        )

    async def refunds(self, *, on: bool) -> None:
        """Offer refunds, or don't."""
        self.sql(f"UPDATE operator_settings SET refunds = {on}")
        self.market.adopt_catalogue(await read_catalogue(self.gateway))

    def rates(self) -> None:
        """Publish prices of this moment."""
        at = SystemClock().now().timestamp()
        self.market.adopt_snapshot(RateSnapshot(at=at, prices=PRICES))

    def without_rates(self) -> None:
        """Forget the rates, as a process that has just started knows none."""
        market = LiveMarket()
        market.adopt_catalogue(self.market.catalogue)
        self.market = market

    async def opened(self, **changes: object) -> UUID:
        add_addresses(self.urls.owner, 1)
        order = new_order(self.partner, self.market.catalogue, **changes)
        await self.opening.orders.open(order, token_hash=token_hash(TOKEN), idempotency=None)
        return order.id

    async def held(self, amount: int = MUCH) -> UUID:
        """Return an order that is held for LIMIT."""
        order_id = await self.opened(expires_at=FAR_OFF)
        await self.see(order_id, "tx", amount)
        order = await self.confirm(order_id)
        assert order.state is State.HELD
        return order_id

    async def see(self, order_id: UUID, tx_id: str, amount: int) -> Order:
        return await observe_deposit(self.ports, order_id, ObservedDeposit(tx_id, amount))

    async def confirm(self, order_id: UUID) -> Order:
        order = await self.read(order_id)
        seen = [ObservedDeposit(part.tx_id, part.amount) for part in order.deposits.unconfirmed]
        return await confirm_deposits(self.ports, order_id, seen)

    async def choose(self, order_id: UUID, choice: str, token: str = TOKEN) -> None:
        await choose_resolution(
            self.opening,
            partner_id=self.partner.id,
            order_id=str(order_id),
            token=token,
            choice=choice,
        )

    async def carry_out(self) -> int:
        return await execute_choices(self.ports, lambda order: f"back-{order.id}")

    async def read(self, order_id: UUID) -> Order:
        found = await self.ports.orders.read(order_id)
        assert found is not None
        return found.order

    def sql(self, statement: str, url: str | None = None) -> list[tuple[object, ...]]:
        with psycopg.connect(url or self.urls.owner, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def told(self) -> list[str]:
        rows = self.sql(
            "SELECT split_part(dedup_key, ':', 3) FROM webhook_events ORDER BY position"
        )
        return [str(row[0]) for row in rows]


@pytest.fixture
async def swaps(database_urls: DatabaseUrls) -> AsyncIterator[Swaps]:
    swaps = Swaps(database_urls)
    await swaps.refunds(on=True)
    swaps.rates()
    swaps.partner = await stored_partner(swaps.admin, webhook_url="https://example.org")
    yield swaps
    for database in (swaps.gateway, swaps.settling, swaps.admin):
        database.close()


async def outcome(work: Awaitable[object]) -> DomainError | None:
    """Return what stopped it, or None."""
    try:
        await work
    except DomainError as error:
        return error
    return None


async def test_parts_are_kept_as_they_were_seen_and_confirmed(swaps: Swaps) -> None:
    order_id = await swaps.opened(expires_at=FAR_OFF)
    await swaps.see(order_id, "tx0", 400_000)
    order = await swaps.see(order_id, "tx1", 600_000)
    assert await swaps.read(order_id) == order
    found = await swaps.opening.orders.find(order_id, swaps.partner.id)
    assert found is not None
    assert found[0] == order
    order = await swaps.confirm(order_id)
    assert await swaps.read(order_id) == order
    assert (order.state, order.received) == (State.PAYING_OUT, ObservedDeposit("tx0", 1_000_000))


async def test_parts_seen_at_once_all_count_once(swaps: Swaps) -> None:
    order_id = await swaps.opened(expires_at=FAR_OFF)
    await asyncio.gather(
        *(swaps.see(order_id, f"tx{number % 6}", 1 + number % 6) for number in range(18))
    )
    order = await swaps.read(order_id)
    assert order.deposits.total == 1 + 2 + 3 + 4 + 5 + 6
    assert swaps.told() == ["PENDING"]


async def test_a_deposit_of_38_digits_survives(swaps: Swaps) -> None:
    order_id = await swaps.opened(expires_at=FAR_OFF)
    greatest = 10**20 * 10**8 - 1
    await swaps.see(order_id, "tx", greatest)
    assert (await swaps.read(order_id)).deposits.total == greatest


async def test_a_transaction_seen_again_is_not_written(swaps: Swaps) -> None:
    order_id = await swaps.held()
    before = await swaps.ports.orders.read(order_id)
    await swaps.see(order_id, "tx", MUCH)
    await swaps.see(order_id, "tx", 1)
    assert await swaps.ports.orders.read(order_id) == before


async def test_a_stray_is_kept_and_nobody_is_told(swaps: Swaps) -> None:
    order_id = await swaps.held()
    await exchange_order(swaps.ports, order_id)
    await swaps.see(order_id, "stray-1", 5)
    await complete_payout(swaps.ports, order_id, "out")
    await swaps.see(order_id, "stray-2", 6)
    order = await swaps.confirm(order_id)
    assert [part.tx_id for part in order.deposits.late] == ["stray-1", "stray-2"]
    assert order.received == ObservedDeposit("tx", MUCH)
    assert swaps.told() == ["PENDING", "EMERGENCY", "EXCHANGE", "DONE"]
    assert swaps.sql("SELECT tx_id FROM deposits WHERE late ORDER BY position") == [
        ("stray-1",),
        ("stray-2",),
    ]


async def test_a_choice_is_put_down_and_carried_out(swaps: Swaps) -> None:
    for choice, state in (("EXCHANGE", State.PAYING_OUT), ("REFUND", State.REFUNDED)):
        order_id = await swaps.held()
        await swaps.choose(order_id, choice)
        order = await swaps.read(order_id)
        assert (order.state, order.choice) == (State.HELD, Choice[choice])
        assert await swaps.carry_out() == 1
        order = await swaps.read(order_id)
        assert (order.state, order.choice) == (state, Choice[choice])
        assert await swaps.carry_out() == 0
        await swaps.choose(order_id, choice)


async def test_of_two_choices_at_once_one_is_taken(swaps: Swaps) -> None:
    for _ in range(4):
        order_id = await swaps.held()
        wanted = ["EXCHANGE", "REFUND"] * 4
        outcomes = await asyncio.gather(
            *(outcome(swaps.choose(order_id, choice)) for choice in wanted)
        )
        taken = {choice for choice, error in zip(wanted, outcomes, strict=True) if error is None}
        assert taken == {(await swaps.read(order_id)).choice.value}
        assert all(
            error is None or isinstance(error, EmergencyInvalidChoice) for error in outcomes
        ), outcomes
        assert sum(error is None for error in outcomes) == 4


@pytest.mark.parametrize("choice", ["EXCHANGE", "REFUND"])
@pytest.mark.parametrize("operator", ["exchange", "refund", "cancel"])
async def test_of_partner_and_operator_at_once_exactly_one_wins(
    swaps: Swaps, choice: str, operator: str
) -> None:
    winners = set()
    for _ in range(5):
        order_id = await swaps.held()
        resolve: dict[str, Awaitable[Order]] = {
            "exchange": exchange_order(swaps.ports, order_id),
            "refund": refund_order(swaps.ports, order_id, "back"),
            "cancel": cancel_order(swaps.ports, order_id),
        }
        by_operator = outcome(resolve.pop(operator))
        for other in resolve.values():
            other.close()  # type: ignore[attr-defined]
        calls = [outcome(swaps.choose(order_id, choice)), by_operator]
        partner_lost, operator_lost = await asyncio.gather(*calls)
        await swaps.carry_out()
        order = await swaps.read(order_id)
        partners_state = State.PAYING_OUT if choice == "EXCHANGE" else State.REFUNDED
        if partner_lost is None and operator.upper() != choice:
            assert isinstance(operator_lost, EmergencyInvalidChoice | InvalidTransition)
            assert order.state is partners_state
            winners.add("partner")
        elif partner_lost is None:
            assert order.state is partners_state
            winners.add("both")
        else:
            assert operator_lost is None
            assert isinstance(partner_lost, NotFound)
            assert order.choice is (
                Choice.NONE if operator == "cancel" else Choice[operator.upper()]
            )
            winners.add("operator")
    assert winners, "whoever it is, there is always one"


async def test_an_exchange_waits_for_fresh_rates(swaps: Swaps) -> None:
    order_id = await swaps.held()
    swaps.without_rates()
    await swaps.choose(order_id, "EXCHANGE")
    with pytest.raises(Unavailable):
        swaps.market.snapshot()
    assert await swaps.carry_out() == 0
    assert (await swaps.read(order_id)).state is State.HELD
    swaps.rates()
    assert await swaps.carry_out() == 1
    assert (await swaps.read(order_id)).state is State.PAYING_OUT


async def test_a_refund_needs_no_rates(swaps: Swaps) -> None:
    order_id = await swaps.held(LITTLE)
    swaps.without_rates()
    await swaps.choose(order_id, "REFUND")
    assert await swaps.carry_out() == 1
    order = await swaps.read(order_id)
    assert (order.state, order.refund_tx_id) == (State.REFUNDED, f"back-{order_id}")


async def test_an_exchange_that_covers_no_network_fee_is_refused_at_once(swaps: Swaps) -> None:
    order_id = await swaps.held(LITTLE)
    with pytest.raises(EmergencyInvalidChoice):
        await swaps.choose(order_id, "EXCHANGE")
    assert (await swaps.read(order_id)).choice is Choice.NONE


async def test_a_choice_that_the_market_has_made_impossible_can_be_made_again(
    swaps: Swaps,
) -> None:
    order_id = await swaps.held(LITTLE)
    swaps.without_rates()
    await swaps.choose(order_id, "EXCHANGE")
    assert (await swaps.read(order_id)).choice is Choice.EXCHANGE
    swaps.rates()
    await swaps.carry_out()
    order = await swaps.read(order_id)
    assert (order.state, order.choice) == (State.HELD, Choice.NONE)
    assert swaps.told() == ["PENDING", "EMERGENCY"]
    await swaps.choose(order_id, "REFUND")
    assert await swaps.carry_out() == 1
    assert (await swaps.read(order_id)).state is State.REFUNDED


async def test_a_choice_waits_for_the_whole_deposit_to_be_confirmed(swaps: Swaps) -> None:
    order_id = await swaps.held()
    await swaps.see(order_id, "more", 5)
    await swaps.choose(order_id, "EXCHANGE")
    assert await swaps.carry_out() == 0
    order = await swaps.confirm(order_id)
    assert (order.state, order.choice) == (State.HELD, Choice.EXCHANGE)
    assert await swaps.carry_out() == 1
    assert (await swaps.read(order_id)).source_amount == MUCH + 5


async def test_a_part_seen_after_the_choice_counts_too(swaps: Swaps) -> None:
    order_id = await swaps.held()
    await swaps.choose(order_id, "REFUND")
    await swaps.see(order_id, "more", 5)
    assert await swaps.carry_out() == 0
    await swaps.confirm(order_id)
    assert await swaps.carry_out() == 1
    order = await swaps.read(order_id)
    assert (order.state, order.deposits.total) == (State.REFUNDED, MUCH + 5)
    assert not order.deposits.late


async def test_a_refund_that_nobody_can_send_waits_and_holds_up_nobody(swaps: Swaps) -> None:
    refund, exchange = await swaps.held(), await swaps.held()
    await swaps.choose(refund, "REFUND")
    await swaps.choose(exchange, "EXCHANGE")
    assert await execute_choices(swaps.ports, None) == 1
    assert (await swaps.read(refund)).choice is Choice.REFUND
    assert (await swaps.read(exchange)).state is State.PAYING_OUT


async def test_refunds_are_offered_while_they_are_on(swaps: Swaps) -> None:
    order_id = await swaps.held()
    await swaps.refunds(on=False)
    with pytest.raises(EmergencyInvalidChoice):
        await swaps.choose(order_id, "REFUND")
    await swaps.refunds(on=True)
    await swaps.choose(order_id, "REFUND")
    await swaps.refunds(on=False)
    await swaps.choose(order_id, "REFUND")
    assert await swaps.carry_out() == 1


async def test_another_choice_after_one_is_not_offered_any_more(swaps: Swaps) -> None:
    order_id = await swaps.held()
    await swaps.choose(order_id, "REFUND")
    with pytest.raises(EmergencyInvalidChoice):
        await swaps.choose(order_id, "EXCHANGE")
    await swaps.carry_out()
    with pytest.raises(NotFound):
        await swaps.choose(order_id, "EXCHANGE")


async def test_an_operator_may_overrule_a_partner_on_purpose(swaps: Swaps) -> None:
    order_id = await swaps.held()
    swaps.without_rates()
    await swaps.choose(order_id, "EXCHANGE")
    with pytest.raises(EmergencyInvalidChoice):
        await refund_order(swaps.ports, order_id, "back")
    await refund_order(swaps.ports, order_id, "back", overrule=True)
    order = await swaps.read(order_id)
    assert (order.state, order.choice) == (State.REFUNDED, Choice.REFUND)
    swaps.rates()
    assert await swaps.carry_out() == 0


async def test_what_is_not_the_callers_can_not_be_chosen_for(swaps: Swaps) -> None:
    order_id = await swaps.held()
    other = await swaps.held()
    swaps.sql(f"UPDATE orders SET deleted_at = now() WHERE id = '{other}'")
    for wrong in (
        swaps.choose(uuid4(), "EXCHANGE"),
        swaps.choose(order_id, "EXCHANGE", token="x" * 43),
        swaps.choose(order_id, "NONSENSE", token="x" * 43),
        swaps.choose(other, "EXCHANGE"),
    ):
        with pytest.raises(NotFound):
            await wrong
    swaps.partner = await stored_partner(swaps.admin)
    with pytest.raises(NotFound):
        await swaps.choose(order_id, "EXCHANGE")
    assert swaps.sql("SELECT FROM emergency_choices") == []


DENIED = {
    "gateway": [
        "INSERT INTO deposits (order_id) SELECT id FROM orders",
        "UPDATE deposits SET amount = 1",
        "UPDATE deposits SET confirmed_at = now()",
        "UPDATE deposits SET late = false",
        "DELETE FROM deposits",
        "TRUNCATE deposits",
        "UPDATE emergency_choices SET choice = 'REFUND'",
        "DELETE FROM emergency_choices",
        "INSERT INTO emergency_choices (chosen_at) VALUES (now())",
        "UPDATE orders SET choice = 'REFUND'",
        "UPDATE orders SET version = version + 1",
        "UPDATE orders SET state = 'refunded'",
        "UPDATE orders SET emergency = '{}'",
        "UPDATE orders SET refund_address = 'mine'",
        "SELECT FROM orders FOR UPDATE",
        "SELECT FROM orders FOR SHARE",
    ],
    "settlement": [
        "INSERT INTO emergency_choices (order_id, choice) SELECT id, 'REFUND' FROM orders",
        "UPDATE emergency_choices SET choice = 'REFUND'",
        "UPDATE deposits SET tx_id = 'other'",
        "UPDATE deposits SET position = 7",
        "DELETE FROM deposits",
        "UPDATE orders SET refund_address = 'mine'",
    ],
    "admin": [
        "INSERT INTO emergency_choices (order_id, choice) SELECT id, 'REFUND' FROM orders",
        "DELETE FROM emergency_choices",
        "UPDATE deposits SET amount = 1",
        "DELETE FROM deposits",
    ],
}


@pytest.mark.parametrize(
    ("role", "statement"),
    [(role, statement) for role, statements in DENIED.items() for statement in statements],
)
def test_it_is_denied(database_urls: DatabaseUrls, role: str, statement: str) -> None:
    with (
        psycopg.connect(getattr(database_urls, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize("state", [one for one in State if one is not State.HELD])
async def test_nothing_is_chosen_for_an_order_that_is_not_held(swaps: Swaps, state: State) -> None:
    """Not even by somebody who has the gateway's password."""
    order_id = await swaps.opened()
    swaps.sql(f"UPDATE orders SET state = '{state}'")
    insert = f"INSERT INTO emergency_choices (order_id, choice) VALUES ('{order_id}', 'REFUND')"
    swaps.sql(insert, swaps.urls.gateway)
    assert swaps.sql("SELECT FROM emergency_choices") == []
    with pytest.raises(NotFound):
        await swaps.choose(order_id, "REFUND")


async def test_a_choice_is_one_of_two(swaps: Swaps) -> None:
    order_id = await swaps.held()
    insert = f"INSERT INTO emergency_choices (order_id, choice) VALUES ('{order_id}', 'KEEP')"
    with pytest.raises(psycopg.errors.CheckViolation):
        swaps.sql(insert, swaps.urls.gateway)
