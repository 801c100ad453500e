"""One delivery attempt over HTTP: headers, signatures, and bounds on time and size."""

import asyncio
import base64
import hashlib
import hmac
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from domain.ports import Attempt, Clock, PendingDelivery
from domain.webhooks import signature

BUDGET_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 64 * 1024
IDLE_CONNECTION_SECONDS: Final = 4.0
"""Shorter than receivers keep a connection (5 s is common), as a POST to a closed one is lost."""
USER_AGENT: Final = "Swapgate-Webhooks/1"


class WebhookSender:
    """Posts events. Use it as an async context manager; it keeps connections between attempts.

    `allow_insecure` is for the sandbox: it lets events go to plain http.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        allow_insecure: bool = False,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        self._clock = clock
        self._schemes = {"https", "http"} if allow_insecure else {"https"}
        self._budget_seconds = budget_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool of connections; how many there are is the delivery worker's bound."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def send(self, delivery: PendingDelivery) -> Attempt:
        """Post the event once and tell how it went.

        A status that came in time counts, however slow the rest of the answer is. aiohttp rounds
        its own timeouts up to whole seconds, so the budget is kept here.
        """
        started_at = self._clock.now()
        start = asyncio.get_running_loop().time()
        status, error = None, None
        try:
            async with asyncio.timeout(self._budget_seconds):
                async with self._post(delivery, unix_seconds=int(started_at.timestamp())) as answer:
                    status = answer.status
                    await _drain(answer)
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = _reason(failure) if status is None else None
        took = timedelta(seconds=asyncio.get_running_loop().time() - start)
        return Attempt(started_at=started_at, latency=took, http_status=status, error=error)

    def _post(
        self, delivery: PendingDelivery, *, unix_seconds: int
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the sender isn't open")
        if urlsplit(delivery.url).scheme.lower() not in self._schemes:
            raise SchemeNotAllowed
        return self._session.post(
            delivery.url,
            data=delivery.event.body,
            headers=headers_of(delivery, unix_seconds=unix_seconds),
            allow_redirects=False,
        )


class SchemeNotAllowed(ValueError):
    """The URL isn't https."""


def headers_of(delivery: PendingDelivery, *, unix_seconds: int) -> dict[str, str]:
    """Return the headers of one attempt (contract, section 8)."""
    event = delivery.event
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Partner-Webhook-Event": event.type.value,
        "X-Partner-Webhook-Timestamp": str(unix_seconds),
        "X-Partner-Webhook-Sign": signature(event.body, delivery.webhook_secret),
        "X-Partner-Webhook-Id": str(event.id),
    }
    if delivery.standard_webhooks:
        headers |= {
            "webhook-id": str(event.id),
            "webhook-timestamp": str(unix_seconds),
            "webhook-signature": standard_signature(delivery, unix_seconds=unix_seconds),
        }
    return headers


def standard_signature(delivery: PendingDelivery, *, unix_seconds: int) -> str:
    """Return the `webhook-signature` of the Standard Webhooks specification (1.0.0).

    The HMAC key is the webhookSecret's text, as for our own signature. The public libraries take it
    as raw bytes, or as `whsec_` + base64(webhookSecret).
    """
    signed = f"{delivery.event.id}.{unix_seconds}.".encode() + delivery.event.body
    digest = hmac.new(delivery.webhook_secret.encode(), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read an answer to its end, to use its connection again; one that is left unfinished is cut.

    Having read as much as is allowed, it asks for nothing and gets nothing.
    """
    left = ANSWER_BYTES
    while chunk := await answer.content.read(left):
        left -= len(chunk)


def _reason(failure: Exception) -> str:
    """Return what the partner may read: no addresses, nothing of what the receiver sent."""
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (SchemeNotAllowed, "the URL is not https"),
        (TimeoutError, "no answer in time"),
        (aiohttp.ClientSSLError, "TLS failed"),
        (aiohttp.ClientConnectorDNSError, "the host name can't be resolved"),
        (aiohttp.ClientConnectorError, "no connection"),
        (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
        (aiohttp.ClientResponseError, "the answer isn't HTTP"),
        (aiohttp.InvalidURL, "the URL is invalid"),
        (OSError, "the connection failed"),
        (ValueError, "the URL is invalid"),
    )
    return next((text for kind, text in reasons if isinstance(failure, kind)), "the attempt failed")
