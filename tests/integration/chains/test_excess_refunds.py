"""What exceeds the agreed amount of a fixed rate is sent back once, after the payout."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from domain.actions.operator.deposits import (
    DepositPorts,
    RefundRequest,
    UnexpectedDeposit,
    propose_refund,
)
from domain.actions.operator.operators import Identity
from domain.actions.operator.outflows import close_outflow
from domain.chains.attempts import MAX_RETRY_DELAY
from domain.errors import InvalidCommand
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable
from persistence.postgres.chains.addresses.own_addresses import PostgresOwnAddresses
from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository
from persistence.postgres.operators.proposals import PostgresProposalRepository
from persistence.postgres.orders.unexpected_deposits import PostgresUnexpectedDeposits
from tests.conftest import DatabaseUrls
from tests.support.chains.payout_world import PayoutWorld, SimulatedWallet
from tests.support.chains.refunds import outflow_differences

RECIPIENT, SENDER = "recipient", "refund"
OTHER = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
AGREED = Decimal("0.01")
EXCESS = Decimal(40)
FEE = Decimal(1)  # the network fee of trx


@pytest.fixture
def wallet() -> SimulatedWallet:
    return SimulatedWallet()


@pytest_asyncio.fixture
async def world(database_urls: DatabaseUrls, wallet: SimulatedWallet) -> AsyncIterator[PayoutWorld]:
    world = PayoutWorld(database_urls, wallet, network="Tron")
    await world.start()
    yield world
    world.close()


def overpaid(
    world: PayoutWorld, *, rate_type: str = "fixed", amount: str = "0.0024", **changes: object
) -> UUID:
    """Store an order that is to be paid out, and that received 40 TRX more than agreed."""
    (order_id,) = world.due(RECIPIENT, source="trx", amount=amount, **changes)
    world.sql(
        "INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, confirmed_at, late)"
        " VALUES (%s, 'excess', 2, %s, now(), now(), false)",
        *(order_id, EXCESS),
    )
    world.sql("UPDATE orders SET rate_type = %s, worth_usd = 0.0025", rate_type)
    return order_id


async def rounds(world: PayoutWorld, number: int = 4) -> None:
    for _ in range(number):
        await world.payouts.round()
        world.clock.advance(MAX_RETRY_DELAY)
        world.publish_rates()


def refunds(world: PayoutWorld) -> list[tuple[Any, ...]]:
    return world.sql(
        "SELECT address, asset, amount, settled_at IS NOT NULL FROM outflows"
        " WHERE kind = 'deposit_refund'"
    )


async def refund_elsewhere(world: PayoutWorld, deposit: UnexpectedDeposit) -> None:
    """Propose to refund a deposit to another address; one operator suffices for its value."""
    ports = DepositPorts(
        deposits=PostgresUnexpectedDeposits(world.admin),
        own_addresses=PostgresOwnAddresses(world.admin),
        proposals=PostgresProposalRepository(world.admin),
        catalogue=world.market.catalogue,
        snapshot=world.market.newest_snapshot(),
        clock=world.clock,
        new_id=uuid4,
    )
    request = RefundRequest(
        tx_id=deposit.tx_id, address=OTHER, tag=None, order_id=deposit.order_id, reason="ticket"
    )
    await propose_refund(ports, request, Identity("ana", verified=True))


async def test_an_excess_is_sent_once_to_the_refund_address_less_the_network_fee(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    order_id = overpaid(world)

    await rounds(world, 6)
    assert wallet.paid == [RECIPIENT, SENDER]
    assert refunds(world) == [(SENDER, "trx", EXCESS - FEE, True)]
    assert world.sql("SELECT subject, usd, approved_by FROM proposals") == [
        (f"excess:{order_id}", Decimal("10.00"), "swapgate")
    ]


async def test_an_excess_is_kept_while_a_deposit_of_its_order_is_missing(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    order_id = overpaid(world)
    wallet.on_prepare[SENDER] = NodeUnavailable("the node does not respond")
    await rounds(world)
    assert wallet.paid == [RECIPIENT]
    wallet.on_prepare.clear()

    watch = world.watches["Tron"]
    watch.dropped = {str(order_id)}  # the other deposit, not the one that exceeds
    await rounds(world)
    assert wallet.paid == [RECIPIENT]
    watch.dropped = set()
    await rounds(world)
    assert wallet.paid == [RECIPIENT, SENDER]


async def test_nothing_is_sent_back_before_the_payout_is_sent(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    overpaid(world)
    wallet.on_prepare[RECIPIENT] = NodeUnavailable("the node does not respond")

    await rounds(world)
    assert wallet.paid == []
    assert world.sql("SELECT count(*) FROM proposals") == [(0,)]


@pytest.mark.parametrize("reason", ["floating rate", "sandbox", "dropped", "late"])
async def test_only_the_counted_excess_of_a_fixed_rate_is_sent_back(
    world: PayoutWorld, wallet: SimulatedWallet, reason: str
) -> None:
    overpaid(world, rate_type="float" if reason == "floating rate" else "fixed")
    if reason == "sandbox":
        world.sql("UPDATE operator_settings SET sandbox = true")
    if reason in ("dropped", "late"):
        world.sql(
            "UPDATE deposits SET late = %s, dropped = %s, confirmed_at = NULL"
            " WHERE tx_id = 'excess'",
            *(reason == "late", reason == "dropped"),
        )

    await rounds(world)
    assert wallet.paid == [RECIPIENT]
    assert world.sql("SELECT count(*) FROM proposals") == [(0,)]


async def test_an_excess_whose_refund_is_closed_is_listed_and_refunded_to_another_address(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    order_id = overpaid(world)
    wallet.on_prepare[SENDER] = NodeRejected("eth_estimateGas", 3, "execution reverted")
    await rounds(world)
    deposits = PostgresUnexpectedDeposits(world.admin)
    assert await deposits.newest(limit=10) == []
    ((refund,),) = world.sql("SELECT id FROM proposals")
    await close_outflow(PostgresOperatorOutflowRepository(world.admin), refund)

    (found,) = await deposits.newest(limit=10)
    assert (found.kind, found.order_id, found.amount) == ("excess", str(order_id), "40")
    assert found.next_command.startswith("swapgate deposit refund excess --to ADDRESS")
    wallet.on_prepare.clear()
    world.sql("INSERT INTO hot_wallets (network, address) VALUES ('Tron', %s)", OTHER)
    with pytest.raises(InvalidCommand, match="hot wallet of this installation"):
        await refund_elsewhere(world, found)
    world.sql("DELETE FROM hot_wallets")
    await refund_elsewhere(world, found)
    await rounds(world, 6)
    assert refunds(world) == [(OTHER, "trx", EXCESS - FEE, True)]
    assert await outflow_differences(world) == []
    (found,) = await deposits.newest(limit=10)
    assert (found.stage, found.next_command) == ("settled", "")


async def test_an_excess_is_proposed_once_whatever_became_of_its_refund(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    order_id = overpaid(world)
    complete = "UPDATE orders SET state = %s WHERE id = %s"
    world.sql(complete, "completed", order_id)
    ((proposal, at),) = world.sql("SELECT id, proposed_at FROM proposals")
    assert (UUID(str(proposal)).version, str(proposal)[:13]) == (8, str(order_id)[:13])
    world.sql("UPDATE proposals SET closed_at = %s", at)
    world.sql(complete, "paying_out", order_id)
    world.sql(complete, "completed", order_id)
    assert world.sql("SELECT id FROM proposals") == [(proposal,)]
    assert wallet.paid == []


async def test_the_refund_of_an_excess_reconciles_with_the_deposits_of_its_order(
    world: PayoutWorld,
) -> None:
    overpaid(world)
    await rounds(world, 6)
    assert refunds(world)
    assert await outflow_differences(world) == []
    world.sql("UPDATE deposits SET amount = 39 WHERE tx_id = 'excess'")
    assert await outflow_differences(world) == [("deposit that was refunded", "39 trx")]


async def test_a_payout_is_compared_with_what_was_exchanged_without_the_excess(
    world: PayoutWorld, wallet: SimulatedWallet
) -> None:
    order_id = overpaid(world, amount="5")
    await rounds(world)
    assert wallet.paid == [], "5 USDT for 0.0025 USD of TRX: the other 10 USD are sent back"
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert attempt.reason == "needs_approval"
