"""Whatever settlement writes about outflows it writes only under the lease of their network."""

import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import walk_packages
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import pytest_asyncio

from domain.chains.attempts import Failure
from domain.chains.leases import Lease
from domain.chains.outflows import FailureReason, Outflow, OutflowKind
from feeds.settlement.payouts.drafts import draft_outflow
from persistence.postgres import chains
from persistence.postgres.chains.attempts import PostgresAttemptRepository
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.chains.payout_world import PayoutWorld, SimulatedWallet

NETWORK = "Tron"
AT = datetime(2026, 1, 1, tzinfo=UTC)
FAILURE = Failure(FailureReason.UNAVAILABLE, "no response")
TABLES = (
    *("orders", "outflows", "outflow_replacements", "outflow_attempts", "cancelled_outflows"),
    *("voided_outflows", "daily_outflow"),
)

FENCED = {PostgresOutflowRepository, PostgresAttemptRepository}
NOT_FENCED = {
    "PostgresDepositRefunds": "the part of PostgresOutflowRepository that concerns deposits",
    "PostgresUnclaimedDeposits": "deposits, which every process follows",
    "PostgresDepositCredits": "deposits, likewise: each credit is decided once",
    "PostgresCreditRequests": "the operator's",
    "PostgresLeaseRepository": "takes the leases",
    "PostgresChainRepository": "followed by every process: blocks and deposits, never payments",
    "PostgresAddressPool": "pay-in addresses, which every process may add",
    "PostgresAddressReuse": "releases pay-in addresses, each once and only if the database agrees",
    "PostgresAssignedAddresses": "reads pay-in addresses",
    "PostgresOwnAddresses": "reads addresses of ours",
    "PostgresHeldOutflowRepository": "the operator's",
    "PostgresOperatorChainRepository": "the operator's",
    "PostgresOperatorOutflowRepository": "the operator's",
    "PostgresOperatorPayInRepository": "the operator's",
    "PostgresRestoredDatabase": "the operator's",
}


class Repositories(msgspec.Struct, frozen=True):
    """Settlement's repositories under one lease."""

    outflows: PostgresOutflowRepository
    attempts: PostgresAttemptRepository


class FencedWorld(PayoutWorld):
    """An order that is due, with repositories under a valid lease and a lost one."""

    order_id: UUID

    async def begin(self) -> None:
        await self.start()
        lease = self.leadership.begin_round() and self.leadership.lease_of_round()
        assert isinstance(lease, Lease)
        self.current = self.under(lease)
        self.stale = self.under(msgspec.structs.replace(lease, token=lease.token + 1))
        (self.order_id,) = self.due("recipient")

    def under(self, lease: Lease | None, database: Database | None = None) -> Repositories:
        database = database or self.settlement
        return Repositories(
            PostgresOutflowRepository(database, lambda: self.market.catalogue, lease=lambda: lease),
            PostgresAttemptRepository(database, lease=lambda: lease),
        )

    async def create(self, under: Repositories) -> None:
        orders = self.orders()
        stored = await orders.read(self.order_id)
        assert stored is not None
        draft = draft_outflow(stored.order, OutflowKind.PAYOUT)
        await under.outflows.create(draft, usd=1, fee="0", expected_version=stored.version)

    async def create_refund(self, under: Repositories) -> None:
        (refund,) = await under.outflows.due_refunds(NETWORK, at=datetime.now(UTC), limit=1)
        await under.outflows.create_refund(refund.draft(), usd=1, fee="0")

    async def outflow(self) -> Outflow:
        outflows = self.current.outflows
        for read in (outflows.unbroadcast, outflows.unsettled, outflows.settled):
            if found := await read(NETWORK):
                return found[0]
        raise AssertionError

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        return {
            table: self.sql(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
            for table in TABLES
        }


Step = Callable[[FencedWorld, Repositories], Awaitable[object]]


async def refund_is_approved(world: FencedWorld, _: Repositories) -> None:
    refund = uuid4()
    document = {
        "network": NETWORK,
        "txId": "t",
        "orderId": str(uuid4()),
        "asset": "usdt_trc20",
        "amount": "50",
        "payInAddress": "T...",
        "address": "customer",
        "tag": None,
    }
    world.sql(
        "INSERT INTO proposals (id, kind, subject, document, usd, needs_second, reason,"
        " proposed_by, proposed_at, approved_by, approved_at)"
        " VALUES (%s, 'refund_deposit', 's', %s, 50, false, 'r', 'ana', now(), 'ana', now())",
        *(refund, json.dumps(document)),
    )


async def store_signed(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.store_signed(await world.outflow(), raw="00", tx_id="tx")


async def void_is_requested(world: FencedWorld, _: Repositories) -> None:
    world.sql("UPDATE outflows SET void_requested_at = now()")


async def add_replacement(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.add_replacement(await world.outflow(), raw="01", tx_id="second")


async def add_void(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.add_void(await world.outflow(), raw="01", tx_id="void")


async def mark_voided(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.mark_voided(await world.outflow(), tx_id="tx", usd=0)


async def cancel(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.cancel(await world.outflow())


async def mark_broadcast(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.mark_broadcast(await world.outflow(), at=AT)


async def book_fee(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.book_fee(await world.outflow(), "0.5")


async def mark_settled(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.mark_settled(await world.outflow(), tx_id="tx", at=AT)


async def mark_final(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.mark_final(await world.outflow(), at=AT)


async def reopen(world: FencedWorld, under: Repositories) -> None:
    await under.outflows.reopen(await world.outflow())


async def record(world: FencedWorld, under: Repositories) -> None:
    await under.attempts.record(NETWORK, world.order_id, FAILURE, at=AT)


async def clear(world: FencedWorld, under: Repositories) -> None:
    await under.attempts.clear({world.order_id})


SIGNED: tuple[Step, ...] = (FencedWorld.create, store_signed)
BROADCAST: tuple[Step, ...] = (*SIGNED, mark_broadcast)

WRITES: dict[str, tuple[Step, ...]] = {
    "create": (FencedWorld.create,),
    "create_refund": (refund_is_approved, FencedWorld.create_refund),
    "cancel": (FencedWorld.create, cancel),
    "store_signed": SIGNED,
    "mark_broadcast": BROADCAST,
    "add_replacement": (*BROADCAST, add_replacement),
    "add_void": (*BROADCAST, void_is_requested, add_void),
    "mark_voided": (*BROADCAST, mark_voided),
    "book_fee": (*BROADCAST, book_fee),
    "mark_settled": (*BROADCAST, mark_settled),
    "mark_final": (*BROADCAST, mark_settled, mark_final),
    "reopen": (*BROADCAST, mark_settled, reopen),
    "record": (record,),
    "clear": (record, clear),
}
"""The steps that lead to each write; the write itself is the last of them."""

READS: dict[str, Step] = {
    "due": lambda _, under: under.outflows.due(NETWORK, at=AT, limit=1),
    "unbroadcast": lambda _, under: under.outflows.unbroadcast(NETWORK),
    "unsettled": lambda _, under: under.outflows.unsettled(NETWORK),
    "settled": lambda _, under: under.outflows.settled(NETWORK),
    "is_permitted": lambda world, under: under.outflows.is_permitted(world.order_id),
    "cost_bound": lambda world, under: under.outflows.cost_bound(world.order_id),
    "is_enabled": lambda _, under: under.outflows.is_enabled(),
    "due_refunds": lambda _, under: under.outflows.due_refunds(NETWORK, at=AT, limit=1),
    "find_refund": lambda world, under: under.outflows.find_refund(world.order_id),
    "summary": lambda _, under: under.attempts.summary(NETWORK),
}


@pytest_asyncio.fixture
async def world(database_urls: DatabaseUrls) -> AsyncIterator[FencedWorld]:
    new_world = FencedWorld(database_urls, SimulatedWallet(), network=NETWORK)
    await new_world.begin()
    yield new_world
    new_world.close()


def test_every_method_of_settlements_repositories_is_known_to_read_or_to_write() -> None:
    methods = {
        name
        for one in FENCED
        for name, _ in inspect.getmembers(one, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert methods == WRITES.keys() | READS.keys()
    assert not WRITES.keys() & READS.keys()


def test_every_repository_of_chains_is_fenced_or_known_not_to_be() -> None:
    found = {
        one.__name__
        for module in walk_packages(chains.__path__, f"{chains.__name__}.")
        for one in vars(import_module(module.name)).values()
        if inspect.isclass(one) and one.__module__.startswith(chains.__name__)
    }
    repositories = {name for name in found if name.startswith("Postgres")}
    assert repositories == {one.__name__ for one in FENCED} | NOT_FENCED.keys()


@pytest.mark.parametrize("name", WRITES)
async def test_settlement_writes_nothing_under_a_lease_that_it_has_lost(
    world: FencedWorld, name: str
) -> None:
    *before, write = WRITES[name]
    for step in before:
        await step(world, world.current)
    rows = world.rows()
    await write(world, world.stale)
    await write(world, world.under(None))
    assert world.rows() == rows
    await write(world, world.current)
    assert world.rows() != rows


@pytest.mark.parametrize("name", READS)
async def test_what_is_known_to_read_writes_nothing(world: FencedWorld, name: str) -> None:
    database = Database(world.urls.settlement, session={"default_transaction_read_only": "on"})
    await READS[name](world, world.under(None, database))
    database.close()
