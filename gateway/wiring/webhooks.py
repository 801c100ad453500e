"""The composition of `swapgate webhooks`."""

import asyncio
import random
import secrets
import socket
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import start_http_server
from valkey.exceptions import ValkeyError

from domain.actions.cabinet.ports import ResetMailPorts
from domain.actions.cabinet.reset_password import send_reset_link
from domain.cabinet.mail import MailTransport
from domain.clock import Clock
from feeds.loop import run_forever
from feeds.mail.files import MailDirectory
from feeds.mail.smtp import MailServer, SmtpTransport
from feeds.webhooks.delivery import run_delivery
from feeds.webhooks.ports import Sender
from feeds.webhooks.relay import run_relay
from feeds.webhooks.sampling import run_sampling
from feeds.webhooks.sender import WebhookSender
from gateway.runtime.clock import SystemClock, new_id
from gateway.settings import Settings, SettingsError
from gateway.wiring.health.measurements import keep_publishing_pools
from gateway.wiring.keyring import open_keyring
from gateway.wiring.tracing import open_tracing
from persistence.postgres.cabinet.audit import PostgresAuditLog
from persistence.postgres.cabinet.password_resets import PostgresPasswordResetRepository
from persistence.postgres.notifications import Channel, listen
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.circuit_breakers import PostgresCircuitBreakers
from persistence.postgres.webhooks.claims import SESSION, PostgresOutbox
from persistence.postgres.webhooks.deliveries import PostgresDeliveries
from persistence.postgres.webhooks.outbox_stats import read_outbox_stats
from persistence.valkey.connection.client import connect
from persistence.valkey.stream import WebhookStream

if TYPE_CHECKING:
    from gateway.runtime.tracing import Tracing

MAIL_POLL_SECONDS: Final = 1.0
SHUTDOWN_SECONDS = 7.0
"""How long to wait for attempts under way at shutdown; unfinished ones are sent again."""


async def run_webhooks(settings: Settings, *, metrics_port: int = 0) -> None:
    """Relay and deliver webhooks until cancelled, then finish the attempts under way.

    It also sends the emails of password resets: like webhooks, they leave after the commit.
    With a port, metrics are served on it. Raises OSError where the port is in use.

    All processes of one host read the stream as one consumer: which of them reads an entry does not
    matter, and the names of consumers that no longer exist would stay in the group forever.
    """
    database = Database(
        settings.database_url,
        size=settings.database_connections,
        session=SESSION,
        shared_sessions=bool(settings.database_direct_url),
    )
    valkey = connect(settings.valkey_url)
    clock, stop, wake = SystemClock(), asyncio.Event(), asyncio.Event()
    sender = WebhookSender(clock=clock, allow_insecure=settings.insecure_webhooks)
    tracing = open_tracing(settings, service="webhooks")
    relay_queue, delivery_queue = (
        WebhookStream(valkey, consumer=socket.gethostname()) for _ in range(2)
    )
    work: list[Coroutine[Any, Any, None]] = []
    if metrics_port:
        start_http_server(metrics_port, addr="127.0.0.1")
        read_stats = partial(read_outbox_stats, database)
        work.append(run_sampling(read_stats=read_stats, queue=relay_queue, clock=clock, stop=stop))
        work.append(keep_publishing_pools({"main": database}, stop=stop))
    listening = run_forever(
        lambda: listen(settings.direct_url, Channel.WEBHOOK_EVENTS, on_work=wake.set, stop=stop),
        name="webhook notifications",
        stop=stop,
    )
    relaying = run_relay(
        outbox=PostgresOutbox(database),
        queue=relay_queue,
        clock=clock,
        stop=stop,
        wake=wake,
        capacity=settings.webhook_concurrency,
        per_endpoint=settings.webhook_endpoint_concurrency,
    )
    delivering = run_delivery(
        deliveries=PostgresDeliveries(database, open_keyring(settings.keyring_path)),
        circuit_breakers=PostgresCircuitBreakers(database),
        queue=delivery_queue,
        sender=sender if tracing is None else _traced(sender, tracing),
        clock=clock,
        new_id=new_id,
        uniform=random.uniform,
        stop=stop,
        concurrency=settings.webhook_concurrency,
        per_endpoint=settings.webhook_endpoint_concurrency,
        on_settled=wake.set,
    )
    if settings.sends_mail:
        work.append(_run_reset_mail(settings, database, clock=clock, stop=stop))
    try:
        async with sender:
            await _run_until_cancelled([listening, relaying, delivering, *work], stop)
    finally:
        database.close()
        with suppress(ValkeyError, OSError):
            await valkey.aclose()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)


def _traced(sender: Sender, tracing: "Tracing") -> Sender:
    from gateway.wiring.tracing.webhooks import TracedSender  # noqa: PLC0415  an optional extra

    return TracedSender(sender, tracing)


async def _run_until_cancelled(
    work: Iterable[Coroutine[Any, Any, None]], stop: asyncio.Event
) -> None:
    """Run `work` until cancelled or until any of it ends; then set `stop` and wait for the rest.

    Work that has not ended after SHUTDOWN_SECONDS is cancelled.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        _, unfinished = await asyncio.wait(tasks, timeout=SHUTDOWN_SECONDS)
        for task in unfinished:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _run_reset_mail(
    settings: Settings, database: Database, *, clock: Clock, stop: asyncio.Event
) -> None:
    """Send links to reset a password until `stop` is set."""
    ports = ResetMailPorts(
        clock=clock,
        resets=PostgresPasswordResetRepository(database),
        transport=_transport(settings, clock),
        audit=PostgresAuditLog(database),
        new_id=new_id,
        randomness=secrets.token_bytes,
        public_url=settings.public_url,
        service=settings.brand_name,
    )

    async def step() -> float | None:
        return MAIL_POLL_SECONDS if await send_reset_link(ports) is None else None

    await run_forever(step, name="password reset emails", stop=stop)


def _transport(settings: Settings, clock: Clock) -> MailTransport:
    if not settings.smtp_host:
        if settings.mail_directory is None:
            raise SettingsError("no way to send emails is configured")
        return MailDirectory(settings.mail_directory, now=clock.now, new_id=new_id)
    server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        starttls=settings.smtp_starttls,
        username=settings.smtp_username,
        password=settings.smtp_password,
        sender=settings.smtp_from,
    )
    return SmtpTransport(server, now=clock.now)
