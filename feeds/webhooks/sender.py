"""One delivery attempt over HTTP: headers, signatures, and bounds on time, size and address."""

import asyncio
import ssl
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from domain.clock import Clock
from domain.errors import InvalidRequest
from domain.webhooks.address_policy import (
    MayConnect,
    is_public,
    is_public_or_private,
    literal_address,
)
from domain.webhooks.delivery import Attempt, PendingDelivery
from domain.webhooks.events import (
    checked_webhook_url,
    readable,
    retry_after_delay,
    signature,
    standard_signature,
)
from feeds.webhooks.connector import ForbiddenAddress, checked_connector, is_forbidden

BUDGET_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 64 * 1024
KEPT_BYTES: Final = 2 * 1024
READ_AT_ONCE_BYTES: Final = 16 * 1024
USER_AGENT: Final = "Swapgate-Webhooks/1"


class WebhookSender:
    """Posts events. Use it as an async context manager; it keeps connections between attempts.

    `allow_insecure` is for the sandbox, and for operators who want it: it lets events go to plain
    http, and to private networks and this machine. `may_connect` decides about addresses instead.
    `tls` holds the roots to trust: the system's where there is none.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        allow_insecure: bool = False,
        may_connect: MayConnect | None = None,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        self._clock = clock
        self._allow_insecure = allow_insecure
        self._may_connect = may_connect or (is_public_or_private if allow_insecure else is_public)
        self._resolver = resolver
        self._tls = tls
        self._budget_seconds = budget_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool of connections."""
        self._session = aiohttp.ClientSession(
            connector=checked_connector(
                may_connect=self._may_connect, resolver=self._resolver, tls=self._tls
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,  # a proxy would connect for us, and check nothing
            read_bufsize=READ_AT_ONCE_BYTES,
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
        its own timeouts up to whole seconds, so the budget is kept here; the name is looked up
        within it.
        """
        started_at = self._clock.now()
        start = asyncio.get_running_loop().time()
        status, error, wait = None, None, None
        beginning = bytearray()
        try:
            async with asyncio.timeout(self._budget_seconds):
                async with self._post(delivery, unix_seconds=int(started_at.timestamp())) as answer:
                    status = answer.status
                    wait = retry_after_delay(answer.headers.get("Retry-After"), now=started_at)
                    await _read(answer, beginning)
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = _reason(failure) if status is None else None
        return Attempt(
            started_at=started_at,
            latency=timedelta(seconds=asyncio.get_running_loop().time() - start),
            http_status=status,
            error=error,
            answer=readable(bytes(beginning), limit=KEPT_BYTES) if status is not None else None,
            retry_after=wait,
        )

    def _post(
        self, delivery: PendingDelivery, *, unix_seconds: int
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the sender isn't open")
        self._check(delivery.url)
        return self._session.post(
            delivery.url,
            data=delivery.event.body,
            headers=headers_of(delivery, unix_seconds=unix_seconds),
            allow_redirects=False,
        )

    def _check(self, url: str) -> None:
        """Refuse what no connection should be tried for; names are checked when they are resolved.

        The URL was checked when it was set, but in another process, and maybe by other rules.
        """
        schemes = {"https", "http"} if self._allow_insecure else {"https"}
        if urlsplit(url).scheme not in schemes:
            raise SchemeNotAllowed
        try:
            checked_webhook_url(url, insecure_allowed=self._allow_insecure)
        except InvalidRequest as error:
            raise ValueError(str(error)) from error
        host = urlsplit(url).hostname or ""
        try:
            address = literal_address(host)
        except ValueError:
            raise ForbiddenAddress(host) from None
        if address is not None and not self._may_connect(address):
            raise ForbiddenAddress(host)


class SchemeNotAllowed(ValueError):
    """The URL isn't https."""


def headers_of(delivery: PendingDelivery, *, unix_seconds: int) -> dict[str, str]:
    """Return the headers of one attempt (contract, section 8)."""
    event = delivery.event
    headers = {
        "Accept-Encoding": "identity",
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
            "webhook-signature": standard_signatures(delivery, unix_seconds=unix_seconds),
        }
    return headers


def standard_signatures(delivery: PendingDelivery, *, unix_seconds: int) -> str:
    """Return the `webhook-signature` of one attempt.

    While a rotated secret may still be in use there is a signature by it as well, behind the new
    one's.
    """
    secrets = [delivery.webhook_secret]
    if delivery.previous_webhook_secret is not None:
        secrets.append(delivery.previous_webhook_secret)
    event = delivery.event
    return " ".join(
        standard_signature(event.body, secret, message_id=str(event.id), timestamp=unix_seconds)
        for secret in secrets
    )


async def _read(answer: aiohttp.ClientResponse, beginning: bytearray) -> None:
    """Read an answer to its end, to use its connection again; one that is left unfinished is cut.

    Its first bytes go to `beginning`, also when time runs out over the rest.
    """
    left = ANSWER_BYTES
    while left and (chunk := await answer.content.read(left)):
        left -= len(chunk)
        beginning += chunk[: KEPT_BYTES - len(beginning)]


def _reason(failure: Exception) -> str:
    """Return what the partner may read: no addresses, nothing of what the receiver sent."""
    if is_forbidden(failure):
        return "the host's address is not a public one"
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
