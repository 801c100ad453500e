"""The daily cap and the payout reserves are exact under concurrent orders."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from domain.assets import Catalogue
from domain.errors import AboveMaximum, OperatorCapExceeded, ReserveExceeded
from domain.market.limits import Headroom
from domain.orders.order import Order
from domain.orders.states import Emergency, RateType, State
from domain.partners.partner import Partner
from gateway.runtime.clock import new_id
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.market.reserves import (
    PostgresReserveRepository,
    read_headroom,
    read_reserves,
)
from persistence.postgres.market.settings import PostgresMarketSettings
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import add_addresses, new_order, stored_partner

USD = 10**18
PROMISE = 619_987_500 + 1_200_000
"""The amount that one order of builders/records.py reserves: payout and network fee."""


class Treasury:
    """Orders of one partner, and the operator's limits."""

    def __init__(self, urls: DatabaseUrls, catalogue: Catalogue, partner: Partner) -> None:
        self.catalogue = catalogue
        self.partner = partner
        self.gateway = Database(urls.gateway, size=8)
        self.settlement = Database(urls.settlement)
        self.admin = Database(urls.admin)
        self.repository = PostgresOrderRepository(self.gateway, lambda: catalogue)
        self.book = PostgresSettlementOrderRepository(self.settlement, lambda: catalogue)

    async def open(self, **changes: object) -> Order:
        """Create an order of 100 USD today; its id contains the time too."""
        today = {"id": new_id(), "created_at": datetime.now(UTC), "worth_usd": 100 * USD}
        order = new_order(self.partner, self.catalogue, **{**today, **changes})
        opened = await self.repository.open(order, token_hash=b"t" * 32, idempotency=None)
        return opened.order

    async def move(self, order: Order, state: State, **changes: object) -> None:
        held = await self.book.read(order.id)
        assert held is not None
        moved = msgspec.structs.replace(held.order, state=state, **changes)
        assert await self.book.save(moved, expected_version=held.version, event=None)

    async def set_cap(self, usd: int | None) -> None:
        limits = await PostgresMarketSettings(self.admin).limits()
        cap = None if usd is None else usd * USD
        await PostgresMarketSettings(self.admin).set_limits(
            msgspec.structs.replace(limits, daily_cap_usd=cap)
        )

    async def set_exposure(self, usd: int) -> None:
        settings = PostgresMarketSettings(self.admin)
        limits = msgspec.structs.replace(await settings.limits(), fixed_exposure_cap_usd=usd * USD)
        await settings.set_limits(limits)

    async def set_reserve(self, units: int | None) -> None:
        await PostgresReserveRepository(self.admin).set(self.catalogue.assets["usdt_trc20"], units)

    async def headroom(self) -> Headroom:
        return await read_headroom(self.gateway, self.catalogue)

    async def promised(self) -> tuple[int, int]:
        """Return the reserve's amount and the part promised to orders, in smallest units."""
        (reserve,) = await read_reserves(self.admin, self.catalogue)
        return reserve.amount, reserve.promised


@pytest.fixture
async def treasury(database_urls: DatabaseUrls) -> AsyncIterator[Treasury]:
    admin = Database(database_urls.admin)
    partner, catalogue = await stored_partner(admin), await read_catalogue(admin)
    admin.close()
    add_addresses(database_urls.owner, 60)
    treasury = Treasury(database_urls, catalogue, partner)
    yield treasury
    for database in (treasury.gateway, treasury.settlement, treasury.admin):
        database.close()


async def outcomes(calls: list[Any]) -> tuple[int, set[type]]:
    """Return how many of the calls went well, and the kinds of error of the others."""
    ended = await asyncio.gather(*calls, return_exceptions=True)
    errors = [one for one in ended if isinstance(one, BaseException)]
    return len(ended) - len(errors), {type(error) for error in errors}


async def test_without_a_reserve_or_a_cap_nothing_is_counted(treasury: Treasury) -> None:
    await treasury.open()
    assert await treasury.headroom() == Headroom()
    assert await read_reserves(treasury.admin, treasury.catalogue) == []


async def test_concurrent_orders_never_exceed_the_reserve(treasury: Treasury) -> None:
    await treasury.set_reserve(7 * PROMISE + 5)
    opened, errors = await outcomes([treasury.open() for _ in range(40)])
    assert opened == 7
    assert errors == {ReserveExceeded}
    assert await treasury.promised() == (7 * PROMISE + 5, 7 * PROMISE)
    assert (await treasury.headroom()).reserves == {"usdt_trc20": 5}


async def test_concurrent_orders_never_exceed_the_daily_cap(treasury: Treasury) -> None:
    await treasury.set_cap(750)
    opened, errors = await outcomes([treasury.open() for _ in range(40)])
    assert opened == 7
    assert errors == {OperatorCapExceeded}
    assert (await treasury.headroom()).usd_today == 50 * USD


async def test_a_rejected_order_reserves_no_address(treasury: Treasury) -> None:
    await treasury.set_cap(50)
    with pytest.raises(AboveMaximum):
        await treasury.open()
    await treasury.set_cap(None)
    opened, _ = await outcomes([treasury.open() for _ in range(60)])
    assert opened == 60


async def test_a_new_cap_counts_the_orders_of_the_day(treasury: Treasury) -> None:
    await treasury.open()
    cancelled = await treasury.open()
    await treasury.move(cancelled, State.CANCELLED)
    await treasury.open(created_at=datetime.now(UTC) - timedelta(days=2))
    await treasury.set_cap(250)
    assert (await treasury.headroom()).usd_today == 150 * USD
    await treasury.open()
    with pytest.raises(AboveMaximum):
        await treasury.open()


@pytest.mark.parametrize("end", [State.EXPIRED, State.CANCELLED, State.REFUNDED])
async def test_an_order_that_ends_without_payout_frees_its_capacity(
    treasury: Treasury, end: State
) -> None:
    await treasury.set_cap(100)
    await treasury.set_reserve(PROMISE)
    order = await treasury.open()
    assert await treasury.headroom() == Headroom(reserves={"usdt_trc20": 0}, usd_today=0)
    await treasury.move(order, end)
    assert await treasury.headroom() == Headroom(
        reserves={"usdt_trc20": PROMISE}, usd_today=100 * USD
    )


async def test_a_deposit_after_expiry_claims_its_capacity_again(treasury: Treasury) -> None:
    await treasury.set_cap(1_000)
    await treasury.set_reserve(10 * PROMISE)
    order = await treasury.open()
    await treasury.move(order, State.EXPIRED)
    await treasury.move(order, State.HELD, emergency=(Emergency.EXPIRED,))
    assert await treasury.promised() == (10 * PROMISE, PROMISE)
    assert (await treasury.headroom()).usd_today == 900 * USD


async def test_a_payout_is_deducted_from_the_reserve(treasury: Treasury) -> None:
    await treasury.set_reserve(10 * PROMISE)
    order = await treasury.open()
    await treasury.move(order, State.PAYING_OUT, destination_amount=700_000_000)
    assert await treasury.promised() == (10 * PROMISE, 701_200_000)
    await treasury.move(order, State.COMPLETED)
    assert await treasury.promised() == (10 * PROMISE - 701_200_000, 0)


async def test_a_new_reserve_counts_the_open_orders(treasury: Treasury) -> None:
    await treasury.open()
    await treasury.move(await treasury.open(), State.PAYING_OUT)
    await treasury.move(await treasury.open(), State.EXPIRED)
    await treasury.set_reserve(5 * PROMISE)
    assert await treasury.promised() == (5 * PROMISE, 2 * PROMISE)
    await treasury.set_reserve(None)
    assert await read_reserves(treasury.admin, treasury.catalogue) == []


async def test_concurrent_orders_never_exceed_the_cap_of_open_fixed_rates(
    treasury: Treasury,
) -> None:
    await treasury.set_exposure(750)
    fixed = {"rate_type": RateType.FIXED}
    opened, errors = await outcomes([treasury.open(**fixed) for _ in range(40)])
    assert (opened, errors) == (7, {OperatorCapExceeded})
    headroom = await treasury.headroom()
    assert headroom == Headroom(fixed_usd=50 * USD)
    assert headroom.for_fixed_rate().usd_today == 50 * USD
    await treasury.open()


@pytest.mark.parametrize(
    ("state", "left"),
    [
        (State.CONFIRMING, 0),
        (State.PAYING_OUT, 100),
        (State.EXPIRED, 100),
        (State.CANCELLED, 100),
    ],
)
async def test_a_fixed_rate_counts_until_its_deposit_is_confirmed(
    treasury: Treasury, state: State, left: int
) -> None:
    order = await treasury.open(rate_type=RateType.FIXED)
    await treasury.set_exposure(100)
    with pytest.raises(AboveMaximum):
        await treasury.open(rate_type=RateType.FIXED)
    await treasury.move(order, state)
    assert (await treasury.headroom()).fixed_usd == left * USD
