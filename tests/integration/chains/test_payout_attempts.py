"""An order that cannot be paid out delays no other order, and is attempted again less and less."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from domain.actions.operator.outflows import resend_outflow, void_outflow
from domain.chains.attempts import MAX_RETRY_DELAY, MIN_RETRY_DELAY
from domain.chains.outflows import CostAboveBound, GasAboveCeiling
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable
from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository
from tests.conftest import DatabaseUrls
from tests.support.builders.records import stored_partner
from tests.support.chains.payout_world import PayoutWorld, SimulatedWallet

REJECTED = NodeRejected("estimate", 3, "execution reverted")
UNPAYABLE = 1_000


@pytest.fixture
def wallet() -> SimulatedWallet:
    return SimulatedWallet()


@pytest_asyncio.fixture
async def world(database_urls: DatabaseUrls, wallet: SimulatedWallet) -> AsyncIterator[PayoutWorld]:
    new_world = PayoutWorld(database_urls, wallet, network="Tron")
    await new_world.start()
    yield new_world
    new_world.close()


@pytest.mark.parametrize(
    "of_another",
    [
        None,
        pytest.param("partner", marks=pytest.mark.slow),
        pytest.param("asset", marks=pytest.mark.slow),
    ],
)
async def test_a_healthy_order_behind_a_thousand_unpayable_ones_is_paid_within_two_rounds(
    world: PayoutWorld, wallet: SimulatedWallet, of_another: str | None
) -> None:
    addresses = [f"unpayable {number}" for number in range(UNPAYABLE)]
    wallet.on_prepare = dict.fromkeys(addresses, REJECTED)
    world.due(*addresses)
    another_partner = await stored_partner(world.admin)
    world.due(
        "healthy",
        partner=another_partner.id if of_another == "partner" else world.partner.id,
        destination="trx" if of_another == "asset" else "usdt_trc20",
    )
    for _ in range(2):
        await world.payouts.round()
    assert wallet.paid == ["healthy"]
    if of_another is not None:
        assert len(wallet.prepared) - UNPAYABLE == 1
        assert wallet.prepared.index("healthy") < 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (REJECTED, "unavailable"),
        (NodeUnavailable("the node does not respond"), "unavailable"),
        (ValueError("not an address"), "unexpected_error"),
        (KeyError("usdt"), "unexpected_error"),
        (RecursionError(), "unexpected_error"),
        (CostAboveBound("too much"), "cost_above_bound"),
        (GasAboveCeiling("too much"), "gas_above_ceiling"),
    ],
)
@pytest.mark.parametrize("where", ["on_prepare", "on_sign"])
async def test_any_error_of_an_order_defers_this_order_alone(
    world: PayoutWorld, wallet: SimulatedWallet, error: Exception, reason: str, where: str
) -> None:
    setattr(wallet, where, {"first": error})
    first, _ = world.due("first", "second")
    await world.payouts.round()
    assert wallet.paid == ["second"]
    attempt = world.attempt(first)
    assert attempt is not None
    assert (attempt.reason, attempt.failures) == (reason, 1)


async def test_an_order_that_cannot_be_signed_leaves_no_nonce_unused(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    wallet.on_sign = {"first": REJECTED}
    world.due("first", "second")
    await world.payouts.round()
    assert wallet.paid == ["second"]
    assert world.sql("SELECT address, nonce FROM outflows") == [("second", 7)]
    assert world.sql("SELECT address, nonce FROM cancelled_outflows") == [("first", 7)]


async def test_attempts_are_further_and_further_apart_up_to_an_hour(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    wallet.on_prepare = {"first": REJECTED}
    (order_id,) = world.due("first")
    pauses = []
    for failures in range(1, 15):
        await world.payouts.round()
        attempt = world.attempt(order_id)
        assert attempt is not None
        assert attempt.failures == failures
        assert attempt.next_attempt_at is not None
        pauses.append(attempt.next_attempt_at - world.clock.now())
        world.clock.advance(pauses[-1] - timedelta(seconds=1))
        await world.payouts.round()
        assert len(wallet.prepared) == failures
        world.clock.advance(timedelta(seconds=1))
    assert pauses == [
        min(MIN_RETRY_DELAY * 2**doublings, MAX_RETRY_DELAY) for doublings in range(14)
    ]
    assert pauses[-1] == MAX_RETRY_DELAY


async def test_the_schedule_of_an_order_survives_a_restart(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    wallet.on_prepare = {"first": REJECTED}
    (order_id,) = world.due("first")
    await world.payouts.round()
    await world.restarted().round()
    assert len(wallet.prepared) == 1
    wallet.on_prepare = {}
    world.clock.advance(MIN_RETRY_DELAY)
    await world.restarted().round()
    assert wallet.paid == ["first"]
    assert world.attempt(order_id) is None


async def test_a_halted_source_chain_defers_only_its_orders(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    world.watches["Bitcoin"].reliable = False
    (order_id,) = world.due("from bitcoin")
    world.due("from litecoin", source="ltc")
    await world.payouts.round()
    assert wallet.paid == ["from litecoin"]
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert (attempt.reason, attempt.held) == ("source_chain", False)
    world.watches["Bitcoin"].reliable = True
    world.clock.advance(MIN_RETRY_DELAY)
    await world.payouts.round()
    assert wallet.paid == ["from litecoin", "from bitcoin"]


async def test_an_intention_whose_source_chain_is_halted_before_it_is_signed_blocks_no_other(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    """A process ended between recording the intention and signing it."""
    (interrupted,) = world.due("interrupted")
    world.sql(
        "INSERT INTO outflows (order_id, kind, network, asset, address, amount, usd, fee, nonce)"
        " VALUES (%s, 'payout', 'Tron', 'usdt_trc20', 'interrupted', 10, 10, 1, 7)",
        interrupted,
    )
    world.due("other", source="ltc")
    world.watches["Bitcoin"].reliable = False
    await world.payouts.round()
    assert wallet.paid == ["other"]
    world.watches["Bitcoin"].reliable = True
    world.clock.advance(MAX_RETRY_DELAY)
    world.publish_rates()
    await world.payouts.round()
    assert wallet.paid == ["other", "interrupted"]


async def test_an_order_above_the_gas_ceiling_is_on_hold_until_it_is_released(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    wallet.on_prepare = {"burner": GasAboveCeiling("needs 21,700,000 gas")}
    (order_id,) = world.due("burner")
    await world.payouts.round()
    world.clock.advance(timedelta(days=1))
    await world.payouts.round()
    assert len(wallet.prepared) == 1
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert (attempt.reason, attempt.held, attempt.next_attempt_at) == (
        "gas_above_ceiling",
        True,
        None,
    )


async def test_an_order_whose_cost_is_above_its_bound_continues_when_fees_have_fallen(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    wallet.on_prepare = {"first": CostAboveBound("costs 9 USD")}
    (order_id,) = world.due("first")
    await world.payouts.round()
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert (attempt.reason, attempt.held) == ("cost_above_bound", True)
    wallet.on_prepare = {}
    world.clock.advance(MIN_RETRY_DELAY)
    await world.payouts.round()
    assert wallet.paid == ["first"]
    assert world.attempt(order_id) is None


async def test_a_transaction_may_cost_three_times_the_charged_fee_or_what_the_operator_allows(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    (order_id,) = world.due("first")
    wallet.on_prepare = {"first": REJECTED}
    await world.payouts.round()
    assert wallet.max_costs == [3 * 1_200_000 * 4]  # 1.2 USDT; TRX at 0.25 USD
    world.sql("INSERT INTO outflow_cost_bounds (order_id, usd) VALUES (%s, 20)", order_id)
    world.clock.advance(MIN_RETRY_DELAY)
    await world.payouts.round()
    assert wallet.max_costs[1:] == [20 * 4 * 10**6]


async def test_a_tiny_fee_has_a_minimum_bound(world: PayoutWorld, wallet: SimulatedWallet) -> None:
    world.sql("UPDATE assets SET network_fee = 0.01 WHERE code = 'usdt_trc20'")
    world.due("first")
    await world.payouts.round()
    assert set(wallet.max_costs) == {10**6}  # 0.25 USD


async def test_fees_count_towards_the_daily_cap_and_are_booked_to_the_outflow(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    wallet.fee = 500_000
    world.due("first")
    await world.payouts.round()
    # 10 USDT, and at most 1 TRX of fees
    assert world.sql("SELECT usd FROM daily_outflow") == [(pytest.approx(10.25),)]
    assert world.sql("SELECT fee, fee_paid FROM outflows") == [(1, None)]
    await world.payouts.round()
    (row,) = world.sql("SELECT fee_paid, settled_at IS NOT NULL FROM outflows")
    assert row == (pytest.approx(0.5), True)


async def test_an_order_above_the_daily_cap_is_deferred_and_others_are_paid(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    world.sql("UPDATE outflow_settings SET daily_cap_usd = 50")
    (order_id,) = world.due("large", amount="60")
    world.due("small")
    await world.payouts.round()
    assert wallet.paid == ["small"]
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert attempt.reason == "daily_cap"


async def test_a_mined_transaction_that_failed_is_on_hold_with_its_fee_booked(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    wallet.failed = {"tx first"}
    (order_id,) = world.due("first")
    for _ in range(3):
        await world.payouts.round()
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert (attempt.reason, attempt.held, attempt.next_attempt_at) == (
        "transaction_failed",
        True,
        None,
    )
    assert world.sql("SELECT fee_paid > 0 FROM voided_outflows") == [(True,)]
    assert wallet.paid == ["first"]


async def test_a_mined_transaction_that_moved_another_amount_ends_by_the_operators_void(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    wallet.unpaid = {"tx first"}
    (order_id,) = world.due("first")
    for _ in range(3):
        await world.payouts.round()
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert (attempt.reason, attempt.held) == ("transaction_failed", True)
    assert world.sql("SELECT count(*) FROM voided_outflows") == [(0,)]

    operator = PostgresOperatorOutflowRepository(world.admin)
    await void_outflow(operator, order_id)
    await world.payouts.round()
    assert world.sql("SELECT mined_tx_id FROM voided_outflows") == [("tx first",)]
    wallet.unpaid = set()
    await resend_outflow(operator, order_id)
    for _ in range(3):
        await world.payouts.round()
    assert wallet.paid == ["first", "first"]
    assert world.attempt(order_id) is None


async def test_nothing_is_recorded_against_orders_while_outflows_are_off(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    world.sql("UPDATE outflow_settings SET enabled = false")
    (order_id,) = world.due("first")
    await world.payouts.round()
    assert wallet.prepared == []
    assert world.attempt(order_id) is None
    world.sql("UPDATE outflow_settings SET enabled = true")
    await world.payouts.round()
    assert wallet.paid == ["first"]
