"""The operator holds, releases, refunds and cancels what is not signed, each with a reason."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from domain.chains.attempts import FAILING_FOR_TOO_LONG, MIN_RETRY_DELAY
from domain.chains.outflows import CostAboveBound, GasAboveCeiling, NetworkCoin
from feeds.settlement.chains.interface import NodeRejected
from tests.conftest import DatabaseUrls, Servers
from tests.support.chains.payout_world import PayoutWorld, SimulatedWallet
from tests.support.clients.operator_command import Operator, error_of, new_operator

REJECTED = NodeRejected("estimate", 3, "execution reverted")
WHY = ("--reason", "the recipient's contract is under investigation")


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path, sandbox=False)


@pytest.fixture
def wallet() -> SimulatedWallet:
    return SimulatedWallet()


@pytest_asyncio.fixture
async def world(database_urls: DatabaseUrls, wallet: SimulatedWallet) -> AsyncIterator[PayoutWorld]:
    new_world = PayoutWorld(database_urls, wallet, network="Tron")
    await new_world.start()
    yield new_world
    new_world.close()


async def run(operator: Operator, *arguments: object) -> Any:
    return await asyncio.to_thread(operator.json, *map(str, arguments))


async def failed(operator: Operator, *arguments: object) -> str:
    return error_of(await asyncio.to_thread(operator.run, *map(str, arguments)))


async def test_an_order_on_hold_is_not_paid_until_it_is_released(
    world: PayoutWorld, wallet: SimulatedWallet, operator: Operator
) -> None:
    (order_id,) = world.due("first")
    await run(operator, "outflow", "hold", order_id, *WHY)
    await world.payouts.round()
    assert wallet.paid == []
    (listed,) = await run(operator, "outflow", "list")
    assert (listed["order_id"], listed["kind"], listed["reason"]) == (
        str(order_id),
        "payout",
        "operator",
    )
    assert (listed["detail"], listed["next_attempt_at"]) == (WHY[1], None)
    await run(operator, "outflow", "release", order_id, *WHY)
    await world.payouts.round()
    assert wallet.paid == ["first"]


async def test_holds_and_releases_are_in_the_audit_trail(
    world: PayoutWorld, operator: Operator
) -> None:
    (order_id,) = world.due("first")
    await run(operator, "outflow", "hold", order_id, *WHY)
    await run(operator, "outflow", "release", order_id, *WHY)
    released, held = await run(operator, "audit", "list", "--subject", order_id)
    assert (held["action"], held["before"]) == ("outflow hold", None)
    assert (held["reason"], held["after"]["reason"]) == (WHY[1], "operator")
    assert (released["action"], released["after"]) == ("outflow release", None)


async def test_a_hold_during_signing_prevents_the_broadcast(
    world: PayoutWorld, wallet: SimulatedWallet, operator: Operator
) -> None:
    (order_id,) = world.due("first")
    wallet.may_sign.clear()
    round_ = asyncio.create_task(world.payouts.round())
    await wallet.signing.wait()
    await run(operator, "outflow", "hold", order_id, *WHY)
    wallet.may_sign.set()
    await round_
    assert wallet.paid == []
    assert world.sql("SELECT count(*) FROM outflows") == [(0,)]
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert (attempt.reason, attempt.held) == ("operator", True)


async def test_what_is_signed_cannot_be_put_on_hold_refunded_or_cancelled(
    world: PayoutWorld, wallet: SimulatedWallet, operator: Operator
) -> None:
    (order_id,) = world.due("first")
    wallet.on_sending = {"first": REJECTED}
    await world.payouts.round()
    assert "it is signed" in await failed(operator, "outflow", "hold", order_id, *WHY)
    for how in ("refund", "cancel"):
        assert "it is signed" in await failed(operator, "order", "resolve", order_id, how, *WHY)
    wallet.on_sending = {}
    await world.payouts.round()
    assert wallet.paid == ["first"]


async def test_an_unpayable_order_is_refunded_by_the_operator(
    world: PayoutWorld, wallet: SimulatedWallet, operator: Operator, database_urls: DatabaseUrls
) -> None:
    wallet.on_prepare = {"burner": GasAboveCeiling("needs 21,700,000 gas")}
    (order_id,) = world.due("burner")
    await world.payouts.round()
    shown = await run(operator, "order", "resolve", order_id, "refund", *WHY)
    assert (shown["status"], shown["state"]) == ("EMERGENCY", "held")
    await world.payouts.round()
    assert wallet.paid == []
    refunds = SimulatedWallet(NetworkCoin("BTC", 8))
    of_source = PayoutWorld(database_urls, refunds, network="Bitcoin")
    await of_source.start()
    await of_source.payouts.round()
    of_source.close()
    assert refunds.paid == ["refund"]
    (row,) = world.sql(
        "SELECT o.state, w.kind, w.amount + a.network_fee FROM orders o "
        "JOIN outflows w ON w.order_id = o.id JOIN assets a ON a.code = w.asset"
    )
    assert row == ("refunded", "refund", Decimal("0.01"))


async def test_an_unpayable_order_is_cancelled_by_the_operator(
    world: PayoutWorld, wallet: SimulatedWallet, operator: Operator
) -> None:
    wallet.on_prepare = {"burner": REJECTED}
    (order_id,) = world.due("burner")
    await world.payouts.round()
    shown = await run(operator, "order", "resolve", order_id, "cancel", *WHY)
    assert (shown["status"], shown["state"]) == ("EXPIRED", "cancelled")
    world.clock.advance(MIN_RETRY_DELAY)
    await world.payouts.round()
    assert (wallet.paid, len(wallet.prepared)) == ([], 1)
    assert world.attempt(order_id) is None


@pytest.mark.parametrize("resolution", ["cancel", "exchange"])
async def test_a_refund_on_hold_that_is_resolved_otherwise_is_no_longer_on_hold(
    world: PayoutWorld, wallet: SimulatedWallet, operator: Operator, resolution: str
) -> None:
    wallet.on_prepare = {"burner": GasAboveCeiling("needs 21,700,000 gas")}
    (order_id,) = world.due("first", source="usdt_trc20", destination="btc", refund="burner")
    world.sql("UPDATE deposits SET amount = 100")
    world.sql("UPDATE orders SET state = 'held', choice = 'REFUND', emergency = '{LIMIT}'")
    operator.publish_rates()
    await world.payouts.round()
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert attempt.held
    await run(operator, "order", "resolve", order_id, resolution, "--overrule", *WHY)
    assert world.attempt(order_id) is None
    assert await run(operator, "outflow", "list") == []


async def test_stopping_a_payout_needs_a_reason(world: PayoutWorld, operator: Operator) -> None:
    (order_id,) = world.due("first")
    for how in ("refund", "cancel"):
        assert "tate why" in await failed(operator, "order", "resolve", order_id, how)
    for command in ("hold", "release"):
        assert "tate why" in await failed(operator, "outflow", command, order_id, "--reason", " ")
        done = await asyncio.to_thread(operator.run, "outflow", command, str(order_id))
        assert done.exit_code != 0
    assert world.sql("SELECT state FROM orders") == [("paying_out",)]


async def test_a_raised_bound_lets_one_order_cost_more(
    world: PayoutWorld, wallet: SimulatedWallet, operator: Operator
) -> None:
    wallet.on_prepare = {"first": CostAboveBound("costs 9 USD")}
    (order_id,) = world.due("first")
    await world.payouts.round()
    raised = await run(operator, "outflow", "raise-bound", order_id, "20", *WHY)
    assert raised["maxCostUsd"] == "20.00"
    wallet.on_prepare = {}
    await world.payouts.round()
    assert wallet.paid == ["first"]
    assert wallet.max_costs[-1] == 20 * 4 * 10**6
    assert "at most 10000 USD" in await failed(
        operator, "outflow", "raise-bound", order_id, "10000.01", *WHY
    )
    assert "There is no order" in await failed(
        operator, "outflow", "raise-bound", uuid4(), "1", *WHY
    )


async def test_only_the_operators_role_sets_bounds(world: PayoutWorld) -> None:
    (order_id,) = world.due("first")
    with pytest.raises(Exception, match="permission denied"):
        await world.settlement.fetch(
            "INSERT INTO outflow_cost_bounds (order_id, usd) VALUES ($1, 20)", [order_id]
        )


async def test_a_higher_cap_is_tried_at_once(
    world: PayoutWorld, wallet: SimulatedWallet, operator: Operator
) -> None:
    await run(operator, "outflow", "cap", "5")
    world.due("first")
    await world.payouts.round()
    assert wallet.paid == []
    await run(operator, "outflow", "cap", "50")
    await world.payouts.round()
    assert wallet.paid == ["first"]


@pytest.mark.parametrize("error", [GasAboveCeiling("needs too much gas"), REJECTED])
async def test_the_doctor_names_orders_on_hold_and_those_that_fail_for_long(
    world: PayoutWorld, wallet: SimulatedWallet, operator: Operator, error: Exception
) -> None:
    wallet.on_prepare = {"first": error}
    (order_id,) = world.due("first")
    world.clock.advance(-FAILING_FOR_TOO_LONG)
    await world.payouts.round()
    advice = await unpaid_orders(operator)
    assert str(order_id) in advice
    assert str(error) in advice
    wallet.on_prepare = {}
    await run(operator, "outflow", "release", order_id, *WHY)
    await world.payouts.round()
    assert await unpaid_orders(operator) == ""


async def unpaid_orders(operator: Operator) -> str:
    """Return the doctor's advice on orders that are not paid out, empty if there is none."""
    done = await asyncio.to_thread(operator.run, "doctor", "--json")
    checks = {one["name"]: one["advice"] for one in msgspec.json.decode(done.stdout)["checks"]}
    return str(checks["unpaid-orders"])
