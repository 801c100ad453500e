"""A partner's delivery log on real PostgreSQL: filters, pages, deleted orders, replay, settings."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from uuid_utils.compat import uuid7

from domain.actions.webhooks.replay_events import replay_events, replay_failed
from domain.actions.webhooks.send_test import MAX_TESTS, NoEndpoint, send_test
from domain.actions.webhooks.set_webhooks import set_webhooks
from domain.errors import InvalidCommand, NotFound, RateLimited
from domain.partners.partner import Partner
from domain.webhooks.delivery_log import (
    MAX_EVENTS_SCANNED,
    PAGE_SIZE,
    DueCursor,
    EventOutcome,
    LogCursor,
    LogFilter,
    LogPage,
)
from domain.webhooks.events import EventType
from domain.webhooks.ports import WebhookPorts, WebhookSettings
from domain.webhooks.subscriptions import DEFAULT_EVENTS
from domain.webhooks.urls import InvalidWebhookUrl
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.endpoint_state import read_endpoint_health
from persistence.postgres.webhooks.repository import PostgresWebhookRepository
from tests.conftest import DatabaseUrls
from tests.support.builders.records import (
    KEYRING,
    START,
    WEBHOOK_SECRET,
    add_addresses,
    new_order,
    stored_partner,
)

URL = "https://example.org/hook"


class Clock:
    def now(self) -> datetime:
        return START


class Log:
    """A partner and its delivery log."""

    def __init__(self, urls: DatabaseUrls, gateway: Database, partner: Partner) -> None:
        self.urls = urls
        self.gateway = gateway
        self.partner = partner
        self.repository = PostgresWebhookRepository(gateway, KEYRING)
        self.ports = WebhookPorts(Clock(), self.repository, uuid7, insecure_allowed=False)

    def own(self, sql: str, *parameters: object) -> Sequence[tuple[object, ...]]:
        with psycopg.connect(self.urls.owner, autocommit=True) as connection:
            cursor = connection.execute(sql.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def add(
        self,
        number: int,
        *,
        status: str = "delivered",
        type_: str = "order.status_changed",
        minutes: int = 0,
        partner: Partner | None = None,
        order: UUID | None = None,
    ) -> list[UUID]:
        """Add events, one per second from `minutes` after START on; return ids, oldest first."""
        start = START + timedelta(minutes=minutes)
        rows = self.own(
            """
            INSERT INTO webhook_events (id, partner_id, order_id, position, type, dedup_key, body,
              status, due_at, created_at, leased_until)
            SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
                || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
              %s, %s, n, %s, 'key:' || n, '{"event":"x"}', %s, at, at,
              CASE WHEN %s = 'queued' THEN at END
            FROM (SELECT n, %s::timestamptz + n * interval '1 second' AS at
                  FROM generate_series(0, %s - 1) AS n) AS made ORDER BY n
            RETURNING id
            """,
            (partner or self.partner).id,
            order,
            type_,
            status,
            status,
            start,
            number,
        )
        return [UUID(str(row[0])) for row in rows]

    async def page(self, cursor: LogCursor | None = None, **criteria: object) -> LogPage:
        return await self.repository.list_events(self.partner.id, LogFilter(**criteria), cursor)  # type: ignore[arg-type]

    async def ids(self, **criteria: object) -> list[UUID]:
        """Return the ids of all matching events, page by page."""
        ids: list[UUID] = []
        cursor: LogCursor | None = None
        while True:
            page = await self.page(cursor, **criteria)
            assert len(page.events) <= 2 * PAGE_SIZE
            ids += [event.id for event in page.events]
            cursor = page.next_cursor
            if cursor is None:
                return ids

    def statuses(self) -> dict[str, int]:
        counted = self.own("SELECT status, count(*) FROM webhook_events GROUP BY 1")
        return {str(status): int(str(number)) for status, number in counted}


@pytest.fixture
async def log(database_urls: DatabaseUrls) -> Iterator[Log]:  # type: ignore[misc]
    gateway, admin = Database(database_urls.gateway), Database(database_urls.admin)
    yield Log(database_urls, gateway, await stored_partner(admin, webhook_url=URL))
    gateway.close()
    admin.close()


async def order_of(log: Log) -> UUID:
    add_addresses(log.urls.owner, 1)
    catalogue = await read_catalogue(log.gateway)
    repository = PostgresOrderRepository(log.gateway, lambda: catalogue)
    order = new_order(log.partner, catalogue)
    return (await repository.open(order, token_hash=b"t" * 32, idempotency=None)).order.id


async def test_pages_list_every_event_once_newest_first(log: Log) -> None:
    ids = log.add(2 * PAGE_SIZE + 3)
    assert await log.ids() == ids[::-1]
    assert len((await log.page()).events) == PAGE_SIZE
    assert (await log.page(ids[0])).events == []


async def test_filters_return_exactly_the_matching_events(log: Log) -> None:
    delivered = log.add(3)
    failed = log.add(PAGE_SIZE + 1, status="dead", minutes=10)
    tests = log.add(2, type_="webhook.test", status="dead", minutes=20)
    paid = log.add(1, type_="partner.paid_out", minutes=30)
    assert await log.ids(outcome=EventOutcome.DELIVERED) == [*paid, *delivered[::-1]]
    assert await log.ids(outcome=EventOutcome.FAILED) == [*tests[::-1], *failed[::-1]]
    assert await log.ids(type=EventType.WEBHOOK_TEST) == tests[::-1]
    assert await log.ids(type=EventType.PARTNER_PAID_OUT, outcome=EventOutcome.FAILED) == []
    assert await log.ids(resource_id=failed[4]) == [failed[4]]
    since = START + timedelta(minutes=20, seconds=1)
    assert await log.ids(since=since) == [*paid, tests[1]]
    assert await log.ids(until=START + timedelta(seconds=2)) == delivered[1::-1]
    assert await log.ids(since=since, until=since + timedelta(seconds=1)) == [tests[1]]


async def test_waiting_events_are_listed_in_the_order_in_which_they_are_due(log: Log) -> None:
    log.add(2)
    waiting = log.add(PAGE_SIZE + 2, status="pending", minutes=5)
    sent = log.add(2, status="queued", minutes=1)
    log.own(
        "UPDATE webhook_events SET due_at = due_at + interval '1 day' WHERE id = %s", waiting[0]
    )
    later = [*waiting[1:], waiting[0]]
    assert await log.ids(outcome=EventOutcome.WAITING) == [*sent[::-1], *later]
    page = await log.page(outcome=EventOutcome.WAITING)
    assert isinstance(page.next_cursor, DueCursor)
    assert DueCursor.parse(str(page.next_cursor)) == page.next_cursor


async def test_search_for_a_rare_outcome_ends_after_a_bounded_scan_and_continues_there(
    log: Log,
) -> None:
    log.add(1, status="pending")
    oldest = log.add(2, minutes=1)
    log.add(MAX_EVENTS_SCANNED + 10, status="dead", minutes=60)
    first = await log.page(outcome=EventOutcome.DELIVERED)
    assert first.events == []
    assert first.searched_back_to is not None
    further = await log.page(first.next_cursor, outcome=EventOutcome.DELIVERED)
    assert [event.id for event in further.events] == oldest[::-1]
    assert (further.next_cursor, further.searched_back_to) == (None, None)


async def test_rare_events_are_found_without_scanning_the_common_ones(log: Log) -> None:
    """The scan does not grow with the log."""
    log.add(20_000)
    log.add(2, status="dead", minutes=-60)
    log.add(2, type_="webhook.test", minutes=-60)
    log.own("ANALYZE webhook_events")
    for criteria in ({"outcome": EventOutcome.FAILED}, {"type": EventType.WEBHOOK_TEST}):
        page = await log.page(**criteria)
        assert (len(page.events), page.searched_back_to) == (2, None)


async def test_events_of_a_deleted_order_are_neither_listed_nor_replayed(log: Log) -> None:
    order = await order_of(log)
    (event,) = log.add(1, status="dead", order=order)
    log.own("UPDATE webhook_events SET finished_at = now()")
    assert [one.id for one in (await log.page(resource_id=order)).events] == [event]
    assert (await log.repository.read_state(log.partner.id)).failed == 1
    assert (await read_endpoint_health(log.gateway, log.partner.id)).dead == 1
    log.own("UPDATE orders SET deleted_at = now() WHERE id = %s", order)
    for criteria in ({}, {"resource_id": order}, {"outcome": EventOutcome.FAILED}):
        assert await log.ids(**criteria) == []
    assert (await log.repository.read_state(log.partner.id)).failed == 0
    assert (await read_endpoint_health(log.gateway, log.partner.id)).is_healthy
    with pytest.raises(NotFound):
        await log.repository.read_event(log.partner.id, event)
    assert await log.repository.read_body(log.partner.id, event) is None
    assert await replay_events(log.ports, log.partner.id, [event]) == 0
    assert await replay_failed(log.ports, log.partner.id, since=START) == 0
    assert log.statuses() == {"dead": 1}


async def test_events_of_another_partner_are_neither_listed_nor_replayed(
    log: Log, database_urls: DatabaseUrls
) -> None:
    admin = Database(database_urls.admin)
    other = await stored_partner(admin, webhook_url=URL)
    admin.close()
    (event,) = log.add(1, status="dead", partner=other)
    assert await log.ids(resource_id=event) == []
    with pytest.raises(NotFound):
        await log.repository.read_event(log.partner.id, event)
    assert await log.repository.read_body(log.partner.id, event) is None
    assert await replay_events(log.ports, log.partner.id, [event]) == 0
    assert await replay_failed(log.ports, log.partner.id, since=START) == 0
    assert log.statuses() == {"dead": 1}


async def test_replay_leaves_events_alone_that_are_being_sent(log: Log) -> None:
    dead, delivered = log.add(1, status="dead"), log.add(1, minutes=1)
    queued = log.add(1, status="queued", minutes=2)
    assert (
        await replay_events(log.ports, log.partner.id, [*dead, *delivered, *queued, uuid4()]) == 3
    )
    assert log.statuses() == {"pending": 2, "queued": 1}


async def test_all_events_that_failed_since_a_time_are_replayed(log: Log) -> None:
    log.add(3, status="dead", minutes=-60)
    log.add(1_500, status="dead")
    log.add(2)
    assert await replay_failed(log.ports, log.partner.id, since=START) == 1_500
    assert log.statuses() == {"pending": 1_500, "dead": 3, "delivered": 2}


async def test_settings_are_replaced_together(log: Log) -> None:
    settings = WebhookSettings(
        url="https://example.net/x",
        events=frozenset({EventType.PARTNER_PAID_OUT}),
        standard_webhooks=True,
    )
    await set_webhooks(log.ports, log.partner.id, settings)
    assert (await log.repository.read_state(log.partner.id)).settings == settings
    with pytest.raises(NotFound):
        await set_webhooks(log.ports, uuid4(), settings)
    tests = WebhookSettings(
        url=None, events=frozenset({EventType.WEBHOOK_TEST}), standard_webhooks=False
    )
    with pytest.raises(InvalidCommand):
        await set_webhooks(log.ports, log.partner.id, tests)


async def test_invalid_url_changes_no_settings(log: Log) -> None:
    settings = WebhookSettings(
        url="https://10.0.0.1/", events=DEFAULT_EVENTS, standard_webhooks=False
    )
    with pytest.raises(InvalidWebhookUrl):
        await set_webhooks(log.ports, log.partner.id, settings)
    assert (await log.repository.read_state(log.partner.id)).settings.url == URL


async def test_test_events_are_rate_limited_and_need_a_url(log: Log) -> None:
    for _ in range(MAX_TESTS):
        await send_test(log.ports, log.partner.id)
    with pytest.raises(RateLimited):
        await send_test(log.ports, log.partner.id)
    log.own("UPDATE webhook_events SET created_at = created_at - interval '2 minutes'")
    await send_test(log.ports, log.partner.id)
    log.own("UPDATE partners SET webhook_url = NULL")
    with pytest.raises(NoEndpoint):
        await send_test(log.ports, log.partner.id)


async def test_previous_secret_is_returned_for_a_day_after_a_rotation(log: Log) -> None:
    assert (await log.repository.read_secrets(log.partner.id, now=START)).current == WEBHOOK_SECRET
    record = f"partner:{log.partner.id}:webhook_secret"
    sealed = KEYRING.seal("n" * 43, record=record)
    log.own("UPDATE partners SET webhook_secret_sealed = %s WHERE id = %s", sealed, log.partner.id)
    (until,) = log.own("SELECT max(previous_webhook_secret_until) FROM partners")[0]
    assert isinstance(until, datetime)
    before = await log.repository.read_secrets(log.partner.id, now=until - timedelta(seconds=1))
    assert (before.current, before.previous) == ("n" * 43, WEBHOOK_SECRET)
    assert (await log.repository.read_secrets(log.partner.id, now=until)).previous is None
    assert "n" * 43 not in repr(before)
