"""Deposits that no order can use are followed: confirmed at depth, dropped by reorganizations."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import msgspec
import pytest
import pytest_asyncio

from domain.actions.operator.deposits import UnexpectedDeposit
from domain.actions.orders.ports import SettlementPorts
from domain.chains.transfers import ObservedTransfer, Transfer
from feeds.settlement.deposits.confirmations import DepositConfirmations
from feeds.settlement.deposits.ports import WatchPorts
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.chains.operator_chains import PostgresOperatorChainRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.orders.unexpected_deposits import PostgresUnexpectedDeposits
from tests.conftest import DatabaseUrls
from tests.support.chains.payout_world import PayoutWorld, SimulatedWallet

if TYPE_CHECKING:
    from feeds.settlement.deposits.node_pair import NodePair

NETWORK, ASSET = "Tron", "usdt_trc20"
UNIT = 10**6
DROP_AFTER = timedelta(minutes=10)
CUSTOMER = "an address of the customer's"
HEIGHT = 1_000


class Nodes:
    """Both nodes of a chain, which agree on which transfers it contains."""

    def __init__(self) -> None:
        self.mined: dict[str, ObservedTransfer] = {}

    async def agreed(self, tx_id: str, **_: str) -> ObservedTransfer | None:
        return self.mined.get(tx_id)

    async def is_known(self, tx_id: str, **_: str) -> bool:
        return tx_id in self.mined


class Followed:
    """A network whose deposits are followed, and whose approved refunds are sent."""

    def __init__(self, payouts: PayoutWorld, order_id: UUID) -> None:
        self.payouts = payouts
        self.order_id = order_id
        self.nodes = Nodes()
        self.chains = PostgresChainRepository(payouts.settlement, lambda: payouts.market.catalogue)
        self.seconds = 0.0
        orders = PostgresSettlementOrderRepository(
            payouts.settlement, lambda: payouts.market.catalogue
        )
        self.confirmations = DepositConfirmations(
            WatchPorts(
                network=NETWORK,
                nodes=cast("NodePair", self.nodes),
                settlement=SettlementPorts(
                    clock=payouts.clock, market=payouts.market, orders=orders, new_id=uuid4
                ),
                chains=self.chains,
                drop_after=DROP_AFTER,
                monotonic=lambda: self.seconds,
            )
        )

    async def check(self) -> None:
        await self.confirmations.check(HEIGHT)

    async def check_until_dropped(self) -> None:
        await self.check()
        self.seconds += DROP_AFTER.total_seconds()
        await self.check()

    def mine(self, tx_id: str, *, depth: int = 500) -> None:
        self.nodes.mined[tx_id] = ObservedTransfer(HEIGHT - depth + 1, 50 * UNIT)
        self.payouts.watches[NETWORK].dropped.discard(tx_id)

    def remove(self, tx_id: str) -> None:
        del self.nodes.mined[tx_id]
        self.payouts.watches[NETWORK].dropped.add(tx_id)

    async def listed(self) -> list[UnexpectedDeposit]:
        return list(await PostgresUnexpectedDeposits(self.payouts.admin).newest(limit=10))

    async def round(self) -> None:
        await self.payouts.payouts.round()
        self.payouts.clock.advance(timedelta(hours=1))
        self.payouts.publish_rates()


@pytest.fixture
def wallet() -> SimulatedWallet:
    return SimulatedWallet()


@pytest_asyncio.fixture
async def world(database_urls: DatabaseUrls, wallet: SimulatedWallet) -> AsyncIterator[Followed]:
    payouts = PayoutWorld(database_urls, wallet, network=NETWORK)
    payouts.sql("UPDATE assets SET network_fee = 1 WHERE code = %s", ASSET)
    await payouts.start()
    (order_id,) = payouts.due("a recipient", source=ASSET, destination="btc")
    payouts.sql("UPDATE orders SET state = 'completed' WHERE id = %s", order_id)
    yield Followed(payouts, order_id)
    payouts.close()


async def unclaimed(world: Followed, *, at_retired: bool = False) -> Transfer:
    """Return an unclaimed deposit of 50 USDT to an order's or a retired address, in a block."""
    transfer = Transfer(uuid4().hex, "a pay-in address", ASSET, 50 * UNIT)
    await world.chains.add_unclaimed(NETWORK, transfer, None if at_retired else world.order_id)
    world.mine(transfer.tx_id)
    return transfer


def late(world: Followed) -> Transfer:
    """Return a late deposit of 50 USDT of the order, in a block."""
    tx_id = uuid4().hex
    world.payouts.sql(
        "INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, late)"
        " VALUES (%s, %s, 2, 50, now(), true)",
        *(world.order_id, tx_id),
    )
    world.mine(tx_id)
    return Transfer(tx_id, str(world.order_id), ASSET, 50 * UNIT)


def approve_refund(world: Followed, transfer: Transfer, *, at_retired: bool = False) -> None:
    """Store an approved proposal to refund a deposit."""
    received_by = transfer.address if at_retired else world.order_id
    document = {
        "network": NETWORK,
        "txId": transfer.tx_id,
        "orderId": None if at_retired else str(world.order_id),
        "asset": ASSET,
        "amount": "50",
        "payInAddress": transfer.address,
        "address": CUSTOMER,
        "tag": None,
    }
    world.payouts.sql(
        "INSERT INTO proposals (id, kind, subject, document, usd, needs_second, reason,"
        " proposed_by, proposed_at, approved_by, approved_at)"
        " VALUES (%s, 'refund_deposit', %s, %s, 50, true, 'ticket', 'ana', now(), 'ben', now())",
        *(uuid4(), f"{transfer.tx_id}:{received_by}:{ASSET}"),
        msgspec.json.encode(document).decode(),
    )


async def test_an_unclaimed_deposit_is_confirmed_at_the_depth_of_its_asset(
    world: Followed,
) -> None:
    transfer = await unclaimed(world)
    world.mine(transfer.tx_id, depth=1)
    await world.check()
    assert [one.confirmed for one in await world.listed()] == [False]
    world.mine(transfer.tx_id)
    await world.check()
    assert [one.confirmed for one in await world.listed()] == [True]


async def test_an_unclaimed_deposit_that_a_reorganization_removed_is_no_longer_listed(
    world: Followed,
) -> None:
    transfer = await unclaimed(world)
    world.remove(transfer.tx_id)

    await world.check()
    assert len(await world.listed()) == 1, "it may be mined again"
    await world.check_until_dropped()
    assert await world.listed() == []
    chains = PostgresOperatorChainRepository(world.payouts.admin)
    assert await chains.unclaimed(limit=10) == []


async def test_a_dropped_unclaimed_deposit_that_is_observed_again_is_listed_again(
    world: Followed,
) -> None:
    transfer = await unclaimed(world)
    world.remove(transfer.tx_id)
    await world.check_until_dropped()

    world.mine(transfer.tx_id)
    await world.chains.add_unclaimed(NETWORK, transfer, world.order_id)
    await world.check()
    assert [(one.tx_id, one.confirmed) for one in await world.listed()] == [(transfer.tx_id, True)]


@pytest.mark.parametrize("kind", ["unclaimed", "at a retired address", "late"])
async def test_the_approved_refund_of_a_deposit_that_is_gone_ends_until_the_deposit_returns(
    world: Followed, wallet: SimulatedWallet, kind: str
) -> None:
    at_retired = kind == "at a retired address"
    transfer = late(world) if kind == "late" else await unclaimed(world, at_retired=at_retired)
    await world.check()
    approve_refund(world, transfer, at_retired=at_retired)
    world.remove(transfer.tx_id)

    await world.round()
    await world.check_until_dropped()
    await world.round()
    assert [one.stage for one in await world.listed()] == ["dropped"]
    assert world.payouts.sql("SELECT reason FROM outflow_attempts") == []
    assert wallet.paid == []

    world.mine(transfer.tx_id)
    if kind == "late":
        world.payouts.sql("UPDATE deposits SET dropped = false WHERE late")
    else:
        await world.chains.add_unclaimed(NETWORK, transfer, None if at_retired else world.order_id)
    await world.check()
    await world.round()
    assert wallet.paid == [CUSTOMER]
