"""How an endpoint's responses and its partner's settings affect its events."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from psqlpy.exceptions import Error
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from domain.errors import Unavailable
from domain.orders.states import State
from domain.partners.credentials import Credentials
from domain.partners.partner import Partner
from domain.webhooks.events import (
    EarningsOut,
    Event,
    EventType,
    PayoutOut,
    earnings_cleared,
    partner_paid_out,
)
from domain.webhooks.retry_schedule import RETRY_SCHEDULE
from domain.webhooks.samples import sample_event
from domain.webhooks.signatures import signature, standard_secret
from domain.wire import wire_moment
from feeds.webhooks.relay import Relay
from persistence.postgres.notifications import Channel, listen
from persistence.postgres.partners.partners import replace_secrets, webhook_secret_record
from persistence.postgres.pool import DatabaseUnavailable
from persistence.postgres.webhooks.outbox import enqueue_event, enqueue_test_event
from tests.conftest import DatabaseUrls
from tests.support.builders.records import KEYRING, START, WEBHOOK_SECRET, become_sandbox
from tests.support.builders.webhook_world import World
from tests.support.servers.webhook_endpoint import Endpoint, accept, fail
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until_async

GONE = "the endpoint has responded 410 Gone before"
NEW_SECRET = "n" * 43


async def respond_gone(_: web.Request) -> web.StreamResponse:
    return web.Response(status=410, text="moved out")


def gone_at(world: World, partner: Partner) -> datetime | None:
    ((at,),) = world.own("SELECT webhook_gone_at FROM partners WHERE id = %s", (partner.id,))
    return at if at is None else at.astimezone(UTC)


async def rotated(world: World, partner: Partner) -> None:
    fresh = Credentials(partner.api_key, api_secret="b" * 43, webhook_secret=NEW_SECRET)
    await replace_secrets(world.admin, KEYRING, partner.id, fresh)


async def send_test(world: World, partner: Partner) -> UUID:
    event = sample_event(EventType.WEBHOOK_TEST, uuid4(), partner.id, at=world.clock.now())
    assert await enqueue_test_event(world.gateway, event)
    return event.id


async def test_retry_after_postpones_the_next_attempt(world: World, endpoint: Endpoint) -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return web.Response(status=429, headers={"Retry-After": "600"})

    endpoint.respond = busy
    event_id = await world.event_of_new_order(endpoint.url)
    async with world.delivering():
        row = await world.after_attempts(event_id, 1)

    wait = row["due_at"] - world.clock.now()
    assert RETRY_SCHEDULE[0] < timedelta(minutes=10) <= wait < timedelta(minutes=12)


async def test_beginning_of_the_response_is_logged(world: World, endpoint: Endpoint) -> None:
    async def explain(_: web.Request) -> web.StreamResponse:
        return web.Response(status=422, body=b"no such \x00 order " + b"\xff" + b"x" * 9000)

    endpoint.respond = explain
    event_id = await world.event_of_new_order(endpoint.url)
    async with world.delivering():
        await world.after_attempts(event_id, 1)

    ((response_body, status),) = world.own(
        "SELECT response_body, http_status FROM webhook_attempts"
    )
    assert response_body.startswith("no such \ufffd order \ufffdxxx")
    assert len(response_body.encode()) <= 2048
    assert status == 422


async def test_endpoint_that_responded_410_is_sent_nothing_more_and_its_events_are_retained(
    world: World, endpoint: Endpoint
) -> None:
    endpoint.respond = respond_gone
    partner = await world.partner(endpoint.url)
    (first,) = await world.events_of(partner, 1)
    async with world.delivering():
        await world.until_status("dead", first)
        await wait_until_async(lambda: gone_at(world, partner) == START)
        (second,) = await world.events_of(partner, 1)
        await world.until_status("dead", second)

    assert endpoint.ids() == [first]
    assert world.attempts(first) == [(1, 410, None)]
    assert world.attempts(second) == [(1, None, GONE)]


@pytest.mark.parametrize(
    "change", [{"webhook_url": "https://example.net"}, {"webhook_events": frozenset(EventType)}]
)
async def test_changed_url_or_subscription_resumes_sending_after_410(
    world: World, change: dict[str, Any]
) -> None:
    partner = await world.partner("https://example.org")
    await world.deliveries.mark_gone(partner.id, "https://example.org", now=START)
    await world.change(partner, markup_bps=7)
    assert gone_at(world, partner) == START

    await world.change(partner, **change)
    assert gone_at(world, partner) is None


async def test_410_of_a_replaced_url_does_not_stop_sending_to_the_new_one(world: World) -> None:
    partner = await world.partner("https://new.example.org")

    assert not await world.deliveries.mark_gone(partner.id, "https://old.example.org", now=START)
    assert gone_at(world, partner) is None


async def test_test_event_is_sent_after_410_and_its_success_resumes_sending(
    world: World, endpoint: Endpoint
) -> None:
    partner = await world.partner(endpoint.url)
    await world.deliveries.mark_gone(partner.id, endpoint.url, now=START)
    async with world.delivering():
        endpoint.respond = fail
        failing = await send_test(world, partner)
        await world.after_attempts(failing, 1)
        assert gone_at(world, partner) == START

        endpoint.respond = accept
        event_id = await send_test(world, partner)
        await wait_until_async(lambda: gone_at(world, partner) is None)
        await world.until_status("delivered", event_id)

    assert endpoint.requests[-1].headers["X-Partner-Webhook-Event"] == "webhook.test"
    assert endpoint.requests[-1].body.startswith(b'{"event":"webhook.test",')


async def test_test_event_needs_a_url_and_no_subscription(world: World, endpoint: Endpoint) -> None:
    partner = await world.partner(endpoint.url)
    await world.change(partner, webhook_events=frozenset())
    async with world.delivering():
        event_id = await send_test(world, partner)
        await world.until_status("delivered", event_id)

    await world.change(partner, webhook_url=None)
    event = sample_event(EventType.WEBHOOK_TEST, uuid4(), partner.id, at=START)
    assert await enqueue_test_event(world.gateway, event) is False


async def test_gateway_role_can_enqueue_only_test_events(world: World) -> None:
    partner = await world.partner("https://example.org")
    paid = sample_event(EventType.WEBHOOK_TEST, uuid4(), partner.id, at=START)
    for body in (
        paid.body.replace(b"webhook.test", b"partner.paid_out"),
        b'{"event":"order.status_changed","was":{"event":"webhook.test"}}',
        b' {"event":"webhook.test","ts":1}',
    ):
        forged = Event(
            id=paid.id,
            partner_id=partner.id,
            order_id=None,
            type=paid.type,
            dedup_key=paid.dedup_key,
            body=body,
            created_at=START,
        )
        with pytest.raises(Error, match="a test event states its type"):
            await enqueue_test_event(world.gateway, forged)
    with pytest.raises(Error, match="permission denied"):
        await enqueue_event(world.gateway, paid)


@pytest.mark.parametrize("event_type", sorted(set(EventType) - {EventType.WEBHOOK_TEST}))
async def test_test_events_state_facts_in_a_sandbox_only(
    world: World, database_urls: DatabaseUrls, event_type: EventType
) -> None:
    partner = await world.partner("https://example.org")
    event = sample_event(event_type, uuid4(), partner.id, at=START)
    for database in (world.gateway, world.admin):
        with pytest.raises(Error, match="outside of a sandbox"):
            await enqueue_test_event(database, event)
    become_sandbox(database_urls.superuser)
    assert await enqueue_test_event(world.gateway, event)


async def test_event_is_enqueued_only_for_a_subscribed_partner(world: World) -> None:
    partner = await world.partner("https://example.org")
    moment = wire_moment(START)
    payout = PayoutOut(
        id=str(uuid4()),
        period_start=moment,
        period_end=moment,
        amount_usd="1.00",
        reference="r",
        paid_out_at=moment,
    )
    paid = partner_paid_out(uuid4(), partner.id, payout, at=START)
    cleared = earnings_cleared(
        uuid4(), partner.id, EarningsOut(amount_usd="1.00", cleared_at=moment), at=START
    )

    assert await enqueue_event(world.admin, paid) is False
    await world.change(partner, webhook_events=frozenset({EventType.PARTNER_PAID_OUT}))
    assert await enqueue_event(world.admin, paid) is True
    assert await enqueue_event(world.settlement, cleared) is False
    rows = world.own("SELECT id, type, dedup_key, body, order_id FROM webhook_events")
    assert rows == [(paid.id, "partner.paid_out", f"paid_out:{moment}", paid.body, None)]


async def test_rotated_secret_signs_the_next_attempt(world: World, endpoint: Endpoint) -> None:
    endpoint.respond = fail
    partner = await world.partner(endpoint.url)
    (event_id,) = await world.move(await world.order(partner), State.CONFIRMING)
    async with world.delivering():
        await world.after_attempts(event_id, 1)
        await rotated(world, partner)
        endpoint.respond = accept
        world.clock.advance(RETRY_SCHEDULE[0] * 1.01)
        await world.until_status("delivered", event_id)

    first, second = endpoint.requests
    assert first.headers["X-Partner-Webhook-Sign"] == signature(first.body, WEBHOOK_SECRET)
    assert second.headers["X-Partner-Webhook-Sign"] == signature(second.body, NEW_SECRET)


async def test_both_secrets_verify_standard_signatures_for_a_day_after_a_rotation(
    world: World, endpoint: Endpoint
) -> None:
    partner = await world.partner(endpoint.url)
    await world.change(partner, standard_webhooks=True)
    await rotated(world, partner)
    world.clock.time = datetime.now(UTC)  # the database's own clock decides when the day has passed
    async with world.delivering():
        (during,) = await world.events_of(partner, 1)
        await world.until_status("delivered", during)
        world.clock.advance(timedelta(hours=24, minutes=1))
        (after,) = await world.events_of(partner, 1)
        await world.until_status("delivered", after)

    first, second = endpoint.requests
    assert verifies(first.headers, first.body) == [WEBHOOK_SECRET, NEW_SECRET]
    assert len(second.headers["webhook-signature"].split()) == 1
    assert first.headers["X-Partner-Webhook-Sign"] == signature(first.body, NEW_SECRET)


async def test_the_public_library_verifies_a_delivery_with_the_secret_in_its_own_form(
    world: World, endpoint: Endpoint
) -> None:
    partner = await world.partner(endpoint.url)
    await world.change(partner, standard_webhooks=True)
    world.clock.time = datetime.now(UTC)
    async with world.delivering():
        (event,) = await world.events_of(partner, 1)
        await world.until_status("delivered", event)

    (received,) = endpoint.requests
    secret = standard_secret(WEBHOOK_SECRET)
    assert Webhook(secret).verify(received.body.decode(), received.headers)["event"]
    with pytest.raises(WebhookVerificationError):
        Webhook(standard_secret(NEW_SECRET)).verify(received.body.decode(), received.headers)
    with pytest.raises((WebhookVerificationError, ValueError)):  # what the libraries would decode
        Webhook(WEBHOOK_SECRET).verify(received.body.decode(), received.headers)


def verifies(headers: dict[str, str], body: bytes) -> list[str]:
    """Return the secrets with which the public library verifies a delivery."""
    secrets = []
    for secret in (WEBHOOK_SECRET, NEW_SECRET):
        try:
            Webhook(secret.encode()).verify(body.decode(), headers)
        except WebhookVerificationError:
            continue
        secrets.append(secret)
    return secrets


async def test_previous_secret_is_retained_by_rotation_and_not_by_reencryption(
    world: World,
) -> None:
    partner = await world.partner("https://example.org")

    def previous_secret() -> tuple[bytes | None, datetime | None]:
        sql = "SELECT previous_webhook_secret_sealed, previous_webhook_secret_until FROM partners"
        sql += " WHERE id IN (SELECT partner_id FROM api_keys)"
        (row,) = world.own(sql)
        return row[0], row[1]

    assert previous_secret() == (None, None)
    record = webhook_secret_record(partner.id)
    reencrypted = KEYRING.seal(WEBHOOK_SECRET, record=record)
    world.own(
        "UPDATE partners SET webhook_secret_sealed = %s,"
        " previous_webhook_secret_until = '1999-01-01'",
        (reencrypted,),
    )
    assert previous_secret()[0] is None

    await rotated(world, partner)
    previous, until = previous_secret()
    assert previous is not None
    assert KEYRING.open(previous, record=record) == WEBHOOK_SECRET
    assert until is not None
    assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(hours=24)


async def test_listener_is_notified_of_new_events_while_notifications_are_throttled(
    world: World,
) -> None:
    notifications, stop = asyncio.Semaphore(0), asyncio.Event()
    partner = await world.partner("https://example.org")
    order = await world.order(partner)
    listening = asyncio.create_task(
        listen(world.gateway_url, Channel.WEBHOOK_EVENTS, on_work=notifications.release, stop=stop)
    )
    await notifications.acquire()  # the listener is connected
    await world.move(order, State.CONFIRMING)
    async with asyncio.timeout(MAX_WAIT_SECONDS):
        await notifications.acquire()

    added = 0
    async with asyncio.timeout(MAX_WAIT_SECONDS):
        while added < 2 or notifications.locked():
            world.own(
                "INSERT INTO webhook_events"
                " (id, partner_id, position, type, dedup_key, body, due_at, created_at)"
                " SELECT gen_random_uuid(), id, 0, 'webhook.test', '', '', now(), now()"
                " FROM partners WHERE id IN (SELECT partner_id FROM api_keys)"
            )
            added += 1
            await asyncio.sleep(0)
    stop.set()
    await listening
    assert added > notifications._value


async def test_listener_without_a_server_raises_database_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable):
        await listen(
            "postgresql://127.0.0.1:1/x",
            Channel.WEBHOOK_EVENTS,
            on_work=lambda: None,
            stop=asyncio.Event(),
        )


async def test_notification_wakes_a_relay_that_hardly_polls(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.webhooks.relay.POLL_INTERVAL_SECONDS", 3600)
    partner = await world.partner(endpoint.url)
    order = await world.order(partner)
    async with world.delivering(listening=True):
        (event_id,) = await world.move(order, State.CONFIRMING)
        await world.until_status("delivered", event_id)


async def test_events_that_cannot_be_queued_are_pending_again_at_once(world: World) -> None:
    class Lost:
        async def length(self) -> int:
            return 0

        async def add(self, ids: Any) -> None:
            raise Unavailable(f"no queue for {len(ids)}")

    (event_id,) = await world.events_of(await world.partner("https://example.org"), 1)
    queue: Any = Lost()
    relay = Relay(outbox=world.outbox, queue=queue, clock=world.clock, wake=asyncio.Event())
    with pytest.raises(Unavailable):
        await relay.step()

    assert world.status(event_id) == "pending"
