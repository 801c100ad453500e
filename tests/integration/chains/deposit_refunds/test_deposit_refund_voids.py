"""A refund of an unexpected deposit is voided, sent again or closed, and reconciled."""

import asyncio
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from domain.actions.operator.outflows import close_outflow, resend_outflow, void_outflow
from domain.chains.outflows import CostAboveBound
from domain.errors import InvalidTransition
from persistence.postgres.chains.held_outflows import PostgresHeldOutflowRepository
from persistence.postgres.market.catalogue import read_catalogue
from tests.support.chains.payout_world import PayoutWorld
from tests.support.chains.refunds import (
    CUSTOMER,
    FEE,
    BrokenWallet,
    operator,
    outflow_differences,
    outflows,
    propose,
    rounds,
    voided,
)
from tests.support.waiting import wait_until

INTENTION = """
INSERT INTO outflows (order_id, kind, network, asset, address, amount, usd, fee, nonce)
VALUES (%s, 'deposit_refund', 'Tron', 'usdt_trc20', %s, 49, 49, 1, 7)
"""


async def test_a_voided_refund_is_sent_again_on_request_once(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    refund = await voided(world, wallet)
    await rounds(world)
    assert wallet.paid.count(CUSTOMER) == 1

    await resend_outflow(operator(world), refund)
    with pytest.raises(InvalidTransition):
        await resend_outflow(operator(world), refund)
    await rounds(world, 5)
    assert wallet.paid.count(CUSTOMER) == 2
    assert outflows(world) == [(refund, "deposit_refund", CUSTOMER, 50 - FEE, True)]
    with pytest.raises(InvalidTransition):
        await void_outflow(operator(world), refund)


async def test_a_voided_refund_that_is_closed_leaves_its_deposit_to_another_proposal(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    with pytest.raises(InvalidTransition):
        await close_outflow(operator(world), propose(world, approved=False))
    refund = await voided(world, wallet, subject="deposit")
    with pytest.raises(psycopg.errors.UniqueViolation):
        propose(world, subject="deposit")

    await close_outflow(operator(world), refund)
    with pytest.raises(InvalidTransition):
        await resend_outflow(operator(world), refund)
    propose(world, subject="deposit", address="the right address")
    await rounds(world)
    assert wallet.paid.count(CUSTOMER) == 1
    assert wallet.paid.count("the right address") == 1


async def test_only_a_voided_refund_frees_its_proposal(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    refund = propose(world)
    await rounds(world)
    assert wallet.paid == [CUSTOMER]
    with pytest.raises(psycopg.errors.RaiseException, match="decided once"):
        world.sql("UPDATE proposals SET closed_at = now() WHERE id = %s", refund)


async def test_of_a_voided_refund_only_the_fee_counts_towards_the_cap(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    await voided(world, wallet)
    ((usd,),) = world.sql("SELECT usd FROM daily_outflow")
    assert usd == Decimal(wallet.fee) / 1_000_000 / 4, "1,000 sun of TRX at 0.25 USD"


def record_deposit(world: PayoutWorld, refund: UUID, amount: int = 50) -> None:
    (order_id,) = world.due("a recipient")
    world.sql("UPDATE orders SET state = 'cancelled' WHERE id = %s", order_id)
    world.sql(
        "INSERT INTO unclaimed_deposits"
        " (network, tx_id, address, asset, amount, order_id, confirmed_at)"
        " VALUES ('Tron', %s, 'T...', 'usdt_trc20', %s, %s, now())",
        *(str(refund), amount, order_id),
    )


async def test_refunds_of_recorded_deposits_reconcile(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    refund = await voided(world, wallet)
    record_deposit(world, refund)
    assert await outflow_differences(world) == []
    await resend_outflow(operator(world), refund)
    await rounds(world)
    assert await outflow_differences(world) == []


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("UPDATE unclaimed_deposits SET amount = 49", "deposit that was refunded"),
        ("DELETE FROM unclaimed_deposits", "deposit that was refunded"),
        ("UPDATE outflows SET address = 'thief'", "refund of a deposit as approved"),
        ("UPDATE outflows SET amount = 50", "refund of a deposit as approved"),
        ("DELETE FROM proposals", "refund of a deposit as approved"),
        ("UPDATE proposals SET approved_at = NULL, approved_by = NULL", "refund of a deposit as"),
        ("UPDATE daily_outflow SET usd = usd + 1", "daily outflow"),
        ("DELETE FROM daily_outflow", "daily outflow"),
    ],
)
async def test_a_damaged_refund_of_a_deposit_is_a_difference(
    world: PayoutWorld, damage: str, expected: str
) -> None:
    refund = propose(world)
    record_deposit(world, refund)
    await rounds(world, 1)
    assert await outflow_differences(world) == []
    world.sql(f"SET session_replication_role = replica; {damage}")
    found = await outflow_differences(world)
    assert found
    assert found[0][0].startswith(expected)


async def test_two_refunds_of_one_deposit_are_a_difference(world: PayoutWorld) -> None:
    for refund in (propose(world), propose(world, address="another")):
        record_deposit(world, refund)
    await rounds(world, 1)
    world.sql(
        "DROP INDEX proposals_subject; SET session_replication_role = replica;"
        " UPDATE proposals SET subject = 'one deposit'"
    )
    assert ("refunds of a deposit", "2 refunds") in await outflow_differences(world)


async def test_an_approved_refund_that_cannot_be_sent_is_closed_and_frees_its_deposit(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    world.sql("UPDATE assets SET network_fee = 60 WHERE code = 'usdt_trc20'")
    world.market.adopt_catalogue(await read_catalogue(world.admin))
    refund = propose(world, subject="deposit")
    await rounds(world)
    assert world.attempt(refund) is not None
    await close_outflow(operator(world), refund)
    assert world.attempt(refund) is None
    with pytest.raises(InvalidTransition):
        await close_outflow(operator(world), refund)

    world.sql("UPDATE assets SET network_fee = 1 WHERE code = 'usdt_trc20'")
    world.market.adopt_catalogue(await read_catalogue(world.admin))
    await rounds(world)
    assert wallet.paid == []
    propose(world, subject="deposit", address="the right address")
    await rounds(world)
    assert wallet.paid == ["the right address"]


async def test_a_refund_that_is_under_way_cannot_be_closed(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    wallet.may_sign.clear()
    refund = propose(world)
    sending = asyncio.create_task(world.payouts.round())
    await wallet.signing.wait()
    with pytest.raises(InvalidTransition):
        await close_outflow(operator(world), refund)
    wallet.may_sign.set()
    await sending
    assert wallet.paid == [CUSTOMER]


async def test_of_a_close_and_an_intention_at_the_same_time_one_is_rejected(
    world: PayoutWorld,
) -> None:
    refund = propose(world)
    with (
        psycopg.connect(world.urls.admin) as closing,
        psycopg.connect(world.urls.owner) as sending,
    ):
        closing.execute("UPDATE proposals SET closed_at = now() WHERE id = %s", [refund])
        sending.execute("SET statement_timeout = '20s'")
        insertion = asyncio.to_thread(sending.execute, INTENTION, [refund, CUSTOMER])
        running = asyncio.create_task(insertion)
        await asyncio.to_thread(
            wait_until,
            lambda: world.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0] > 0,
        )
        closing.commit()
        with pytest.raises(psycopg.errors.RaiseException, match="not approved like this"):
            await running


async def test_a_close_that_loses_against_an_intention_is_an_invalid_transition(
    world: PayoutWorld,
) -> None:
    refund = propose(world)
    with psycopg.connect(world.urls.owner) as sending:
        sending.execute(INTENTION, [refund, CUSTOMER])
        closing = asyncio.create_task(close_outflow(operator(world), refund))
        await asyncio.to_thread(
            wait_until,
            lambda: world.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0] > 0,
        )
        sending.commit()
        with pytest.raises(InvalidTransition):
            await closing
    assert [row[0] for row in outflows(world)] == [refund]


async def test_an_intention_that_loses_against_a_close_is_not_recorded(world: PayoutWorld) -> None:
    refund = propose(world)
    with psycopg.connect(world.urls.admin) as closing:
        closing.execute("UPDATE proposals SET closed_at = now() WHERE id = %s", [refund])
        sending = asyncio.create_task(world.payouts.round())
        await asyncio.to_thread(
            wait_until,
            lambda: world.sql("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0] > 0,
        )
        closing.commit()
        assert await sending == 0
    assert (outflows(world), world.attempt(refund)) == ([], None)


async def test_the_cost_bound_of_a_refund_can_be_raised(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    wallet.on_prepare[CUSTOMER] = CostAboveBound("too expensive")
    refund = propose(world)
    await rounds(world, 1)
    await PostgresHeldOutflowRepository(world.admin).raise_bound(refund, Decimal(100))
    assert world.attempt(refund) is None
    wallet.on_prepare.clear()
    before = wallet.max_costs[-1]
    await rounds(world, 1)
    assert wallet.paid == [CUSTOMER]
    assert wallet.max_costs[-1] > before
