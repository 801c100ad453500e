"""An order keeps the network fee that it was created with, whatever payouts cost later."""

from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.market.network_fees import record_estimates
from tests.support.builders.order_world import FAR_FUTURE, OrderWorld

AMOUNT = 2_000_000
"""0.02 BTC, twice what was quoted."""


async def test_an_order_priced_again_keeps_its_network_fee(world: OrderWorld) -> None:
    order_id = await world.opened(expires_at=FAR_FUTURE)
    before = await world.read(order_id)
    await record_estimates(world.settlement, {before.destination: 5 * before.network_fee})
    world.market.adopt_catalogue(await read_catalogue(world.gateway))
    assert world.market.catalogue.assets["usdt_trc20"].network_fee == 6 * before.network_fee

    await world.observe(order_id, "tx", AMOUNT)
    after = await world.confirm(order_id)
    assert after.network_fee == before.network_fee == 1_200_000
    assert after.source_amount == AMOUNT
    in_usdt = 1_250_000_000 * (10_000 - after.fee_bps - after.markup_bps) // 10_000
    assert after.destination_amount == in_usdt - before.network_fee
