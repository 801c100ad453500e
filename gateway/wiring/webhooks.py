"""The composition of `swapgate webhooks`."""

import asyncio
import random
import socket
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any

from prometheus_client import start_http_server
from valkey.exceptions import ValkeyError

from feeds.loop import run_forever
from feeds.webhooks.delivery import run_delivery
from feeds.webhooks.relay import run_relay
from feeds.webhooks.sampling import sample
from feeds.webhooks.sender import WebhookSender
from gateway.runtime.clock import SystemClock, new_id
from gateway.settings import Settings
from persistence.keyring import load_keyring
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.circuit_breakers import PostgresCircuitBreakers
from persistence.postgres.webhooks.leases import SESSION as EVENTS_SESSION
from persistence.postgres.webhooks.leases import PostgresWebhookEvents
from persistence.postgres.webhooks.operator_log import PostgresOutboxStats
from persistence.postgres.webhooks.signal import listen_for_events
from persistence.valkey.client import connect
from persistence.valkey.stream import WebhookStream

LAST_ATTEMPTS_SECONDS = 7.0
"""How long attempts under way are waited for at the end; what is unfinished then is sent again."""


async def run_webhooks(settings: Settings, *, metrics_port: int = 0) -> None:
    """Relay and deliver webhooks until cancelled, then finish what is being sent.

    With a port, metrics are served on it. Raises OSError where it is taken.

    All processes of one host read the stream under one name; which of them read an entry matters
    to nobody, and names that nobody uses any more would stay in the group for ever.
    """
    database = Database(
        settings.database_url, size=settings.database_connections, session=EVENTS_SESSION
    )
    valkey = connect(settings.valkey_url)
    events = PostgresWebhookEvents(database, load_keyring(settings.keyring_path))
    clock, stop, wake = SystemClock(), asyncio.Event(), asyncio.Event()
    sender = WebhookSender(clock=clock, allow_insecure=settings.insecure_webhooks)
    queues = [WebhookStream(valkey, consumer=socket.gethostname()) for _ in range(2)]
    work: list[Coroutine[Any, Any, None]] = []
    if metrics_port:
        start_http_server(metrics_port, addr="127.0.0.1")
        outlook = PostgresOutboxStats(database)
        work.append(sample(outlook=outlook, queue=queues[0], clock=clock, stop=stop))
    listening = run_forever(
        lambda: listen_for_events(settings.database_url, on_event=wake.set, stop=stop),
        name="webhook signal",
        stop=stop,
    )
    relaying = run_relay(
        outbox=events,
        queue=queues[0],
        clock=clock,
        stop=stop,
        wake=wake,
        room=settings.webhook_concurrency,
        per_endpoint=settings.webhook_endpoint_concurrency,
    )
    delivering = run_delivery(
        events=events,
        circuits=PostgresCircuitBreakers(database),
        queue=queues[1],
        sender=sender,
        clock=clock,
        new_id=new_id,
        uniform=random.uniform,
        stop=stop,
        concurrency=settings.webhook_concurrency,
        per_endpoint=settings.webhook_endpoint_concurrency,
        on_settled=wake.set,
    )
    try:
        async with sender:
            await _until_cancelled([listening, relaying, delivering, *work], stop)
    finally:
        database.close()
        with suppress(ValkeyError, OSError):
            await valkey.aclose()


async def _until_cancelled(work: Iterable[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run `work` until cancelled or until any of it ends, then have all of it end.

    `stop` asks it to; what hasn't ended a moment later is cancelled.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        _, unfinished = await asyncio.wait(tasks, timeout=LAST_ATTEMPTS_SECONDS)
        for task in unfinished:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
