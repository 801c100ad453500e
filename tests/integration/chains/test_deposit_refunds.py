"""Approved refunds of unexpected deposits are sent like payouts: once, to the approved address."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio

from domain.actions.operator.outflows import close_outflow, resend_outflow, void_outflow
from domain.chains.attempts import MAX_RETRY_DELAY
from domain.chains.outflows import Outflow
from domain.errors import InvalidTransition
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, Signed
from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository
from persistence.postgres.reconciliation import outflow_checks
from persistence.postgres.reconciliation.differences import differences
from tests.conftest import DatabaseUrls
from tests.support.chains.payout_world import PayoutWorld, SimulatedWallet

CUSTOMER = "an address of the customer's"
FEE = Decimal(1)  # the network fee of usdt_trc20 in these tests


class BrokenWallet(SimulatedWallet):
    """A wallet that can fail at any step, and counts what it signs. `pending` is never mined."""

    def __init__(self) -> None:
        super().__init__()
        self.signed: list[str] = []
        self.on_broadcast: Exception | None = None
        self.pending: set[str] = set()

    async def depth(self, tx_id: str) -> int:
        return 0 if tx_id in self.pending else await super().depth(tx_id)

    async def void(self, outflow: Outflow) -> Signed:
        return Signed("01", f"tx void of {outflow.intention}")

    async def sign(self, outflow: Any, *, max_cost: int) -> Signed:
        signed = await super().sign(outflow, max_cost=max_cost)
        self.signed.append(signed.tx_id)
        return signed

    async def broadcast(self, signed: Signed) -> None:
        if self.on_broadcast is not None:
            raise self.on_broadcast
        await super().broadcast(signed)


@pytest.fixture
def wallet() -> BrokenWallet:
    return BrokenWallet()


@pytest_asyncio.fixture
async def world(database_urls: DatabaseUrls, wallet: BrokenWallet) -> AsyncIterator[PayoutWorld]:
    new_world = PayoutWorld(database_urls, wallet, network="Tron")
    new_world.sql("UPDATE assets SET network_fee = 1 WHERE code = 'usdt_trc20'")
    await new_world.start()
    yield new_world
    new_world.close()


def propose(
    world: PayoutWorld, *, approved: bool = True, subject: str = "", **changes: object
) -> UUID:
    """Store a proposal to refund 50 USDT; return its id."""
    proposal_id = uuid4()
    document = {
        "network": "Tron",
        "txId": str(proposal_id),
        "orderId": str(uuid4()),
        "asset": "usdt_trc20",
        "amount": "50",
        "payInAddress": "T...",
        "address": CUSTOMER,
        "tag": None,
        **changes,
    }
    world.sql(
        "INSERT INTO proposals (id, kind, subject, document, usd, needs_second, reason,"
        " proposed_by, proposed_at, approved_by, approved_at)"
        " VALUES (%s, 'refund_deposit', %s, %s, 50, true, 'ticket', 'ana', now(), %s, %s)",
        *(proposal_id, subject or str(proposal_id), json.dumps(document)),
        *(("ben", world.clock.now()) if approved else (None, None)),
    )
    return proposal_id


def outflows(world: PayoutWorld) -> list[tuple[Any, ...]]:
    return world.sql(
        "SELECT order_id, kind, address, amount, settled_at IS NOT NULL FROM outflows"
        " ORDER BY intended_at"
    )


async def rounds(world: PayoutWorld, number: int = 3) -> None:
    for _ in range(number):
        await world.payouts.round()
        world.clock.advance(MAX_RETRY_DELAY)
        world.publish_rates()


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


def operator(world: PayoutWorld) -> PostgresOperatorOutflowRepository:
    return PostgresOperatorOutflowRepository(world.admin)


async def voided(world: PayoutWorld, wallet: BrokenWallet, *, subject: str = "") -> UUID:
    """Return a refund that was sent, and voided before it was mined."""
    wallet.pending = {f"tx {CUSTOMER}"}
    refund = propose(world, subject=subject)
    await rounds(world, 1)
    await void_outflow(operator(world), refund)
    await rounds(world)
    wallet.pending = set()
    assert world.sql("SELECT order_id FROM voided_outflows") == [(refund,)]
    return refund


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


async def found_differences(world: PayoutWorld) -> list[tuple[str, str]]:
    return [
        (one.what, one.found)
        async for one in differences(world.admin, world.market.catalogue)
        if one.what in outflow_checks.CHECKS
    ]


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
    assert await found_differences(world) == []
    await resend_outflow(operator(world), refund)
    await rounds(world)
    assert await found_differences(world) == []


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
    assert await found_differences(world) == []
    world.sql(f"SET session_replication_role = replica; {damage}")
    found = await found_differences(world)
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
    assert ("refunds of a deposit", "2 refunds") in await found_differences(world)
