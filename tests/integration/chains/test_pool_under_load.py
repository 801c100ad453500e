"""A burst of orders finds a free pay-in address each, while the pool is refilled ahead of it."""

import asyncio

import pytest

from feeds.loop import poll_forever
from feeds.settlement.addresses.derivation import sandbox_account
from feeds.settlement.addresses.refill import MIN_TARGET, PoolRefill
from gateway.runtime.clock import SystemClock, new_id
from gateway.wiring.settlement import REFILL_SECONDS
from persistence.postgres.chains.pay_in.pool import PostgresAddressPool, add_account
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import new_order, stored_partner

NETWORK = "Stellar"
"""Its addresses are derived at hardly any cost: this process also creates the orders."""
CONCURRENT = 64
PER_SECOND = 900
"""What two gateway workers create on two cores."""


@pytest.mark.parametrize("orders", [1_500, pytest.param(9_000, marks=pytest.mark.slow)])
async def test_a_burst_larger_than_the_pool_leaves_no_order_without_an_address(
    database_urls: DatabaseUrls, orders: int
) -> None:
    admin, gateway = Database(database_urls.admin), Database(database_urls.gateway, size=4)
    settlement = Database(database_urls.settlement)
    partner, catalogue = await stored_partner(admin), await read_catalogue(admin)
    await add_account(admin, sandbox_account(NETWORK))
    pool = PostgresAddressPool(settlement)
    refill = PoolRefill(pool, clock=SystemClock(), to_thread=asyncio.to_thread)
    while refill.free.get(NETWORK, 0) < MIN_TARGET:
        await refill.round()
    repository = PostgresOrderRepository(gateway, lambda: catalogue)

    async def create() -> str:
        order = new_order(partner, catalogue, id=new_id(), source=catalogue.assets["xlm"])
        opened = await repository.open(order, token_hash=b"t" * 32, idempotency=None)
        return f"{opened.order.pay_in_address} {opened.order.pay_in_tag}"

    filling = asyncio.create_task(
        poll_forever("refill", refill.round, every_seconds=REFILL_SECONDS)
    )
    given: list[str] = []
    while len(given) < orders:
        batch, _ = await asyncio.gather(
            asyncio.gather(*(create() for _ in range(CONCURRENT))),
            asyncio.sleep(CONCURRENT / PER_SECOND),  # the rate of the burst
        )
        given += batch
    filling.cancel()
    assert len(set(given)) == len(given) >= orders
    for database in (admin, gateway, settlement):
        database.close()
