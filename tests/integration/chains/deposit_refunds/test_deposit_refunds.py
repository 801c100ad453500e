"""Approved refunds of unexpected deposits are sent like payouts: once, to the approved address."""

from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest

from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable
from tests.support.chains.payout_world import PayoutWorld
from tests.support.chains.refunds import (
    CUSTOMER,
    FEE,
    BrokenWallet,
    outflows,
    propose,
    rounds,
)


async def test_an_approved_refund_is_sent_once_less_the_network_fee(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    refund = propose(world)

    await rounds(world, 5)
    assert wallet.paid == [CUSTOMER]
    assert outflows(world) == [(refund, "deposit_refund", CUSTOMER, 50 - FEE, True)]
    world.payouts = world.restarted()
    await rounds(world)
    assert wallet.paid == [CUSTOMER]


@pytest.mark.parametrize("decision", ["none", "withdrawn"])
async def test_what_is_not_approved_is_not_sent(
    world: PayoutWorld, wallet: BrokenWallet, decision: str
) -> None:
    refund = propose(world, approved=False)
    if decision == "withdrawn":
        world.sql(
            "UPDATE proposals SET withdrawn_by = 'ana', withdrawn_at = now() WHERE id = %s", refund
        )

    await rounds(world)
    assert (wallet.paid, outflows(world)) == ([], [])


async def test_a_deposit_that_the_nodes_do_not_report_is_not_sent_back(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    refund = propose(world)
    world.watches["Tron"].dropped.add(str(refund))

    await rounds(world)
    assert (wallet.paid, outflows(world)) == ([], [])
    attempt = world.attempt(refund)
    assert attempt is not None
    assert (attempt.reason, attempt.held) == ("unavailable", False)
    world.watches["Tron"].dropped.clear()
    await rounds(world)
    assert wallet.paid == [CUSTOMER]


@pytest.mark.parametrize(
    "error", [NodeRejected("sign", 3, "rejected"), NodeUnavailable("no response"), KeyError("x")]
)
async def test_a_refund_that_cannot_be_signed_leaves_no_nonce_open_and_delays_no_payout(
    world: PayoutWorld, wallet: BrokenWallet, error: Exception
) -> None:
    wallet.on_sign[CUSTOMER] = error
    propose(world)
    await rounds(world, 1)
    world.due("healthy")

    await rounds(world)
    assert wallet.paid == ["healthy"]
    assert [row[1] for row in outflows(world)] == ["payout"]
    del wallet.on_sign[CUSTOMER]
    await rounds(world)
    assert wallet.paid == ["healthy", CUSTOMER]


async def test_a_refund_interrupted_before_the_broadcast_sends_the_stored_transaction(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    wallet.on_broadcast = NodeUnavailable("no response")
    propose(world)
    await rounds(world, 2)
    assert (wallet.paid, wallet.signed) == ([], [f"tx {CUSTOMER}"])

    wallet.on_broadcast = None
    world.payouts = world.restarted()
    await rounds(world)
    assert (wallet.paid, wallet.signed) == ([CUSTOMER], [f"tx {CUSTOMER}"])


async def test_a_signed_refund_is_held_back_while_its_deposit_is_gone(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    wallet.on_broadcast = NodeUnavailable("no response")
    refund = propose(world)
    await rounds(world, 1)
    wallet.on_broadcast = None
    world.watches["Tron"].dropped.add(str(refund))

    await rounds(world)
    assert wallet.paid == []


@pytest.mark.parametrize("setting", ["enabled = false", "daily_cap_usd = 10"])
async def test_switch_and_cap_apply_to_refunds(
    world: PayoutWorld, wallet: BrokenWallet, setting: str
) -> None:
    propose(world)
    world.sql(f"UPDATE outflow_settings SET {setting}")

    await rounds(world)
    assert (wallet.paid, outflows(world)) == ([], [])
    world.sql("UPDATE outflow_settings SET enabled = true, daily_cap_usd = NULL")
    await rounds(world)
    assert wallet.paid == [CUSTOMER]


async def test_a_refund_whose_fee_would_exceed_its_bound_is_not_signed(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    propose(world)

    await rounds(world, 1)
    assert wallet.max_costs == [12_000_000, 12_000_000], "three times 1 USD, in TRX at 0.25 USD"


async def test_refunds_of_many_deposits_are_sent_with_a_nonce_each(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    for number in range(5):
        propose(world, address=f"customer {number}")

    await rounds(world)
    assert sorted(wallet.paid) == [f"customer {number}" for number in range(5)]
    nonces = [row[0] for row in world.sql("SELECT nonce FROM outflows ORDER BY nonce")]
    assert nonces == list(range(7, 12))


@pytest.mark.parametrize(
    ("address", "amount", "approved"),
    [("another", "49", True), (CUSTOMER, "50", True), (CUSTOMER, "49", False)],
)
def test_the_database_rejects_a_refund_that_is_not_approved_like_this(
    world: PayoutWorld, address: str, amount: str, approved: bool
) -> None:
    refund = propose(world, approved=approved)
    with (
        psycopg.connect(world.urls.settlement) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="not approved like this"),
    ):
        connection.execute(
            "INSERT INTO outflows (order_id, kind, network, asset, address, amount, usd)"
            " VALUES (%s, 'deposit_refund', 'Tron', 'usdt_trc20', %s, %s, 1)",
            (refund, address, Decimal(amount)),
        )


def test_an_outflow_needs_an_order_or_a_proposal(world: PayoutWorld) -> None:
    with (
        psycopg.connect(world.urls.settlement) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="an order that is unknown"),
    ):
        connection.execute(
            "INSERT INTO outflows (order_id, kind, network, asset, address, amount, usd)"
            " VALUES (%s, 'payout', 'Tron', 'usdt_trc20', 'a', 1, 1)",
            (uuid4(),),
        )


def void(world: PayoutWorld, refund: UUID) -> None:
    """Move the outflow of a refund to the voided ones, as its failed transaction does."""
    world.sql(
        "INSERT INTO voided_outflows (intention, order_id, kind, network, asset, address, amount,"
        " nonce, tx_ids, mined_tx_id, intended_at) SELECT intention, order_id, kind, network,"
        " asset, address, amount, nonce, ARRAY[tx_id], tx_id, intended_at"
        " FROM outflows WHERE order_id = %s",
        refund,
    )
    world.sql("DELETE FROM outflows WHERE order_id = %s", refund)


async def test_a_refund_never_takes_the_nonce_of_a_voided_outflow(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    voided = propose(world)
    await rounds(world, 1)
    ((used,),) = world.sql("SELECT nonce FROM outflows WHERE order_id = %s", voided)
    void(world, voided)
    wallet.nonce = used  # as a node reports it that lags behind

    other = propose(world, address="another customer's")
    await rounds(world)
    assert world.sql("SELECT nonce FROM outflows WHERE order_id = %s", other) == [(used + 1,)]


async def test_a_refund_whose_transaction_failed_is_not_sent_again_by_itself(
    world: PayoutWorld, wallet: BrokenWallet
) -> None:
    refund = propose(world)
    await rounds(world, 1)
    void(world, refund)

    await rounds(world)
    assert wallet.paid == [CUSTOMER]
    world.sql("UPDATE voided_outflows SET resend_requested_at = now()")
    await rounds(world)
    assert wallet.paid == [CUSTOMER, CUSTOMER]
