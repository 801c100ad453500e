"""Single delivery attempts at real HTTP servers on loopback."""

import asyncio
import base64
import hashlib
import hmac
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from domain.webhooks.delivery import PendingDelivery
from domain.webhooks.events import Event, EventType
from domain.webhooks.signatures import signature
from feeds.webhooks.headers import delivery_headers
from feeds.webhooks.sender import TIMEOUT_SECONDS, WebhookSender

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECRET = "k" * 43

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StandingClock:
    def now(self) -> datetime:
        return NOW


def delivery(url: str, *, standard_webhooks: bool = False) -> PendingDelivery:
    event = Event(
        id=uuid4(),
        partner_id=uuid4(),
        order_id=None,
        type=EventType.PARTNER_PAID_OUT,
        dedup_key="paid_out:1",
        body=b'{"event":"partner.paid_out"}',
        created_at=NOW,
    )
    return PendingDelivery(
        event=event,
        url=url,
        webhook_secret=SECRET,
        standard_webhooks=standard_webhooks,
        failed_attempts=0,
    )


@asynccontextmanager
async def serving(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", respond)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def sandbox_sender(timeout_seconds: float = TIMEOUT_SECONDS) -> WebhookSender:
    return WebhookSender(
        clock=StandingClock(), allow_insecure=True, timeout_seconds=timeout_seconds
    )


def test_standard_webhooks_signature_verifies_with_the_secret_in_whsec_form() -> None:
    pending = delivery("https://example.org", standard_webhooks=True)
    headers = delivery_headers(pending, unix_seconds=1_777_636_800)

    built = "whsec_" + base64.b64encode(SECRET.encode()).decode()
    key = base64.b64decode(built.removeprefix("whsec_"))
    signed = f"{pending.event.id}.1777636800.".encode() + pending.event.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-id"] == headers["X-Partner-Webhook-Id"] == str(pending.event.id)
    assert headers["webhook-timestamp"] == headers["X-Partner-Webhook-Timestamp"]


def test_standard_webhooks_headers_are_only_sent_to_endpoints_that_enabled_them() -> None:
    names = delivery_headers(delivery("https://example.org"), unix_seconds=1)
    assert not [name for name in names if name.lower().startswith("webhook-")]


@pytest.mark.parametrize(("status", "delivered"), [(200, True), (299, True), (404, False)])
async def test_any_2xx_status_is_a_success(status: int, delivered: bool) -> None:
    async def respond(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with serving(respond) as url, sandbox_sender() as sender:
        attempt = await sender.send(delivery(url))

    assert (attempt.http_status, attempt.delivered) == (status, delivered)


async def test_status_in_time_counts_however_slow_the_rest_of_the_response_is() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.Event().wait()
        return response

    async with serving(drip) as url, sandbox_sender(timeout_seconds=2) as sender:
        attempt = await sender.send(delivery(url))

    assert attempt.delivered
    assert timedelta(seconds=1.9) < attempt.latency < timedelta(seconds=TIMEOUT_SECONDS)


async def test_endless_response_is_cut_off() -> None:
    sent = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)
            sent += 65_536

    started = time.monotonic()
    async with serving(pour) as url, sandbox_sender() as sender:
        attempt = await sender.send(delivery(url))

    assert attempt.delivered
    assert time.monotonic() - started < TIMEOUT_SECONDS, "it was cut for its length"
    assert sent < 50_000_000


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:9/", "the URL is not https"),
        ("file:///etc/passwd", "the URL is not https"),
        ("//127.0.0.1/", "the URL is not https"),
        ("", "the URL is not https"),
        ("https://", "the URL is invalid"),
        ("https://127.0.0.1:99999/", "the URL is invalid"),
        ("https://[::1/", "the URL is invalid"),
        ("https://127.0.0.1:1/", "the host's address is not a public one"),
        ("https://user@example.org/", "the URL is invalid"),
    ],
)
async def test_unusable_url_is_a_failed_attempt(url: str, error: str) -> None:
    async with WebhookSender(clock=StandingClock()) as sender:
        attempt = await sender.send(delivery(url))

    assert (attempt.http_status, attempt.error) == (None, error)


async def test_response_that_is_not_http_is_a_failed_attempt() -> None:
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sandbox_sender() as sender:
        attempt = await sender.send(delivery(f"http://127.0.0.1:{port}/"))

    assert attempt.http_status is None
    assert attempt.error in {"the response is not HTTP", "the connection failed"}


async def test_endpoint_with_a_self_signed_certificate_receives_nothing(tmp_path: Path) -> None:
    got = 0

    async def respond(_: web.Request) -> web.StreamResponse:
        nonlocal got
        got += 1
        return web.Response()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(self_signed(tmp_path / "receiver.pem"))
    async with serving(respond, tls) as url, sandbox_sender() as sender:
        attempt = await sender.send(delivery(url))

    assert (attempt.http_status, attempt.error, got) == (None, "TLS failed", 0)


async def test_cookies_are_not_stored() -> None:
    cookies = []

    async def bake(request: web.Request) -> web.StreamResponse:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    async with serving(bake) as url, sandbox_sender() as sender:
        await sender.send(delivery(url))
        await sender.send(delivery(url))

    assert cookies == [None, None]


async def test_trusted_certificate_must_name_the_host(tmp_path: Path) -> None:
    async def respond(_: web.Request) -> web.StreamResponse:
        return web.Response()

    file = self_signed(tmp_path / "receiver.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    trusting = ssl.create_default_context(cafile=str(file))
    outcomes = {}
    async with serving(respond, tls) as url:
        for host in ("127.0.0.1", "127.0.0.2", "localhost"):
            sender = WebhookSender(clock=StandingClock(), allow_insecure=True, tls=trusting)
            async with sender:
                attempt = await sender.send(delivery(url.replace("127.0.0.1", host)))
            outcomes[host] = attempt.error

    # the certificate names 127.0.0.1 alone, and the server listens nowhere else
    assert outcomes["127.0.0.1"] is None
    assert outcomes["localhost"] == "TLS failed"
    assert outcomes["127.0.0.2"] == "no connection"


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (b"", ""),
        (b"order unknown", "order unknown"),
        ("schön\n\t…".encode(), "schön\n\t…"),
        (b"a\x00b\x1b[31m\x7f", "a\ufffdb\ufffd[31m\ufffd"),
        (b"\xff\xfe\xed\xa0\x80", "\ufffd" * 5),
        ("\u202egnp.exe".encode(), "\ufffdgnp.exe"),
        (b"x" * 100_000, "x" * 2048),
        ("ü".encode() * 2000, "ü" * 1024),
        (b"\x00" * 5000, "\ufffd" * 682),
    ],
)
async def test_first_2_kib_of_the_response_are_stored_as_printable_text(
    body: bytes, stored: str
) -> None:
    async def respond(_: web.Request) -> web.StreamResponse:
        return web.Response(status=500, body=body)

    async with serving(respond) as url, sandbox_sender() as sender:
        attempt = await sender.send(delivery(url))

    assert attempt.response_body == stored
    assert len(attempt.response_body.encode()) <= 2048


async def test_beginning_of_a_response_that_times_out_is_stored() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        await response.write(b"wait")
        await asyncio.Event().wait()
        return response

    async with serving(drip) as url, sandbox_sender(timeout_seconds=2) as sender:
        attempt = await sender.send(delivery(url))

    assert (attempt.http_status, attempt.response_body) == (500, "wait")


async def test_failed_connection_stores_no_response() -> None:
    async with sandbox_sender() as sender:
        attempt = await sender.send(delivery("http://127.0.0.1:1/"))

    assert (attempt.response_body, attempt.error) == (None, "no connection")


@pytest.mark.parametrize(
    ("header", "delay"),
    [
        ("120", timedelta(minutes=2)),
        ("Fri, 01 May 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Fri, 01 May 2026 11:05:00 GMT", None),
        ("0", None),
        ("soon", None),
        ("-5", None),
    ],
)
async def test_retry_after_header_is_parsed(header: str, delay: timedelta | None) -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503, headers={"Retry-After": header})

    async with serving(busy) as url, sandbox_sender() as sender:
        attempt = await sender.send(delivery(url))

    assert attempt.retry_after == delay


async def test_connection_is_reused_for_the_next_event() -> None:
    peers = set()

    async def respond(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(text="thanks")

    async with serving(respond) as url, sandbox_sender() as sender:
        for _ in range(3):
            assert (await sender.send(delivery(url))).delivered

    assert len(peers) == 1


def test_public_library_verifies_with_both_secrets_during_a_rotation() -> None:
    old, new, other = "o" * 43, "n" * 43, "x" * 43
    pending = msgspec.structs.replace(
        delivery("https://example.org", standard_webhooks=True),
        webhook_secret=new,
        previous_webhook_secret=old,
    )
    headers = delivery_headers(pending, unix_seconds=int(time.time()))
    body = pending.event.body.decode()

    for secret in (old, new):
        assert Webhook(secret.encode()).verify(body, headers) == {"event": "partner.paid_out"}
        built = "whsec_" + base64.b64encode(secret.encode()).decode()
        assert Webhook(built).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other.encode()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new.encode()).verify(body.replace("paid", "laid"), headers)
    assert headers["X-Partner-Webhook-Sign"] == signature(pending.event.body, new)


def self_signed(file: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    own = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(own, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(pem))
    return file
