"""Payout details take effect a day after the request, by the database's clock."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from domain.actions.ledger.change_payout_details import (
    cancel_payout_details,
    request_payout_details,
    show_payout_details,
)
from domain.actions.ledger.ports import PayoutDetailsPorts
from domain.cabinet.members import Member, Role
from domain.errors import InvalidTransition, NotFound
from domain.ledger.payout_details import (
    DELAY,
    DetailsProblem,
    PayoutPlan,
    RejectedPayoutDetails,
)
from domain.partners.partner import Partner
from domain.webhooks.events import EventType
from gateway.runtime.clock import SystemClock, new_id
from gateway.runtime.market import LiveMarket
from persistence.postgres.ledger.payout_details import PostgresPayoutDetailsRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import stored_partner

TRON, OTHER = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "TLa2f6VPqDgRE67v1736s7bJ8Ray5wYjU7"
HOOK = "https://partner.example/hook"


class World:
    """A partner with an owner, under the gateway's role."""

    def __init__(self, urls: DatabaseUrls, partner: Partner, market: LiveMarket) -> None:
        self.urls = urls
        self.gateway = Database(urls.gateway)
        self.partner = partner
        self.owner = member_of(partner)
        self.ports = PayoutDetailsPorts(
            SystemClock(), market, PostgresPayoutDetailsRepository(self.gateway), new_id
        )

    async def request(self, address: str = TRON, **changes: str) -> UUID:
        fields = {"asset": "usdt_trc20", "address": address, "tag": "", **changes}
        return (await request_payout_details(self.ports, self.owner, **fields)).id

    async def plan(self) -> PayoutPlan:
        return await show_payout_details(self.ports, self.partner.id)

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.urls.owner, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def let_a_day_pass(self) -> None:
        with psycopg.connect(self.urls.owner, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(
                "UPDATE payout_details SET requested_at = requested_at - interval '25 hours',"
                " effective_at = effective_at - interval '25 hours',"
                " canceled_at = canceled_at - interval '25 hours'"
            )

    def events(self) -> list[dict[str, Any]]:
        rows = self.sql("SELECT convert_from(body, 'UTF8') FROM webhook_events ORDER BY id")
        return [msgspec.json.decode(row[0])["payoutDetails"] for row in rows]


def member_of(partner: Partner) -> Member:
    return Member(
        id=uuid4(),
        partner_id=partner.id,
        partner_name=partner.name,
        enabled=True,
        email="owner@partner.example",
        role=Role.OWNER,
        zone="UTC",
        must_change_password=False,
        epoch=0,
        second_factor=True,
    )


@pytest.fixture
async def world(database_urls: DatabaseUrls) -> AsyncIterator[World]:
    admin = Database(database_urls.admin)
    market = LiveMarket()
    market.adopt_catalogue(await read_catalogue(admin))
    partner = await stored_partner(
        admin,
        webhook_url=HOOK,
        webhook_events=frozenset({EventType.PAYOUT_DETAILS_CHANGED}),
    )
    world = World(database_urls, partner, market)
    yield world
    admin.close()
    world.gateway.close()


async def test_details_take_effect_after_a_day(world: World) -> None:
    assert await world.plan() == PayoutPlan(None, None)
    requested = await world.request()
    plan = await world.plan()
    assert plan.current is None
    assert plan.pending is not None
    assert plan.pending.effective_at - plan.pending.requested_at == DELAY
    assert plan.pending.requested_by == world.owner.email
    world.let_a_day_pass()
    plan = await world.plan()
    assert plan.current is not None
    assert (plan.current.id, plan.pending) == (requested, None)
    (event,) = world.events()
    assert (event["status"], event["address"], event["network"]) == ("PENDING", TRON, "Tron")


async def test_a_pending_change_can_be_canceled(world: World) -> None:
    first = await world.request()
    world.let_a_day_pass()
    second = await world.request(OTHER)
    await cancel_payout_details(world.ports, world.owner, second)
    plan = await world.plan()
    assert plan.current is not None
    assert (plan.current.id, plan.pending) == (first, None)
    assert [one["status"] for one in world.events()] == ["PENDING", "PENDING", "WITHDRAWN"]
    for not_pending in (first, second):  # in effect, and canceled before
        with pytest.raises(InvalidTransition):
            await cancel_payout_details(world.ports, world.owner, not_pending)


async def test_a_request_replaces_a_pending_change(world: World) -> None:
    first, second = await world.request(), await world.request(OTHER)
    plan = await world.plan()
    assert plan.pending is not None
    assert plan.pending.id == second
    (canceled_by,) = world.sql("SELECT canceled_by FROM payout_details WHERE id = %s", first)
    assert canceled_by == (world.owner.email,)


async def test_a_change_of_another_partner_cannot_be_canceled(
    world: World, database_urls: DatabaseUrls
) -> None:
    requested = await world.request()
    admin = Database(database_urls.admin)
    stranger = member_of(await stored_partner(admin))
    admin.close()
    with pytest.raises(NotFound):
        await cancel_payout_details(world.ports, stranger, requested)
    assert (await world.plan()).pending is not None


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (
            {"address": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv9"},
            {"address": DetailsProblem.INVALID_ADDRESS},
        ),
        (
            {"address": "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"},
            {"address": DetailsProblem.INVALID_ADDRESS},
        ),
        ({"asset": "gold"}, {"asset": DetailsProblem.UNKNOWN_ASSET}),
        ({"asset": ""}, {"asset": DetailsProblem.UNKNOWN_ASSET}),
        ({"tag": "12"}, {"tag": DetailsProblem.INVALID_TAG}),
        (
            {"address": "x", "tag": "12"},
            {"address": DetailsProblem.INVALID_ADDRESS, "tag": DetailsProblem.INVALID_TAG},
        ),
    ],
)
async def test_details_that_nothing_can_be_sent_to_are_rejected_with_the_problem_of_each_field(
    world: World, changes: dict[str, str], problems: dict[str, DetailsProblem]
) -> None:
    with pytest.raises(RejectedPayoutDetails) as rejected:
        await world.request(**changes)
    assert rejected.value.problems == problems
    assert await world.plan() == PayoutPlan(None, None)


ASK = """
SELECT request_payout_details(%s, %s, 'usdt_trc20', %s, NULL, 'somebody', %s, %s, 'key', %s)
"""


@pytest.mark.parametrize("hours", [-25, -1, 1])
async def test_the_gateway_cannot_backdate_a_change(world: World, hours: int) -> None:
    at = datetime.now(UTC) + timedelta(hours=hours)
    body = b'{"event":"payout_details.changed",}'
    with (
        psycopg.connect(world.urls.gateway) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="clocks"),
    ):
        connection.execute(ASK, (uuid4(), world.partner.id, TRON, at, uuid4(), body))


async def test_the_gateway_cannot_enqueue_another_event_with_a_change(world: World) -> None:
    body = b'{"event":"order.status_changed","order":{}}'
    with (
        psycopg.connect(world.urls.gateway) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="says what it is"),
    ):
        connection.execute(ASK, (uuid4(), world.partner.id, TRON, datetime.now(UTC), uuid4(), body))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payout_details SET address = 'somewhere else'",
        "UPDATE payout_details SET effective_at = now()",
        "UPDATE payout_details SET tag = '1'",
        "DELETE FROM payout_details",
        "TRUNCATE payout_details",
    ],
)
async def test_details_are_never_overwritten_even_by_the_owner_of_the_table(
    world: World, statement: str
) -> None:
    await world.request()
    with pytest.raises(psycopg.errors.RaiseException, match="immutable"):
        world.sql(statement)
