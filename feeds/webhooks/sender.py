"""One delivery attempt over HTTP, with limits on time, size and address."""

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
from domain.errors import InvalidCommand
from domain.webhooks.address_policy import (
    MayConnect,
    is_public,
    is_public_or_private,
    literal_address,
)
from domain.webhooks.delivery import Attempt, PendingDelivery, printable_excerpt
from domain.webhooks.retry_schedule import retry_after_delay
from domain.webhooks.urls import validate_url_syntax
from feeds.webhooks.connector import ForbiddenAddress, checked_connector, is_forbidden
from feeds.webhooks.headers import delivery_headers

TIMEOUT_SECONDS: Final = 10.0
MAX_RESPONSE_BYTES: Final = 64 * 1024
STORED_RESPONSE_BYTES: Final = 2 * 1024
READ_BUFFER_BYTES: Final = 16 * 1024

_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (TimeoutError, "no response in time"),
    (aiohttp.ClientSSLError, "TLS failed"),
    (aiohttp.ClientConnectorDNSError, "the host name cannot be resolved"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.ServerDisconnectedError, "the connection was closed without a response"),
    (aiohttp.ClientResponseError, "the response is not HTTP"),
    (aiohttp.InvalidURL, "the URL is invalid"),
    (OSError, "the connection failed"),
    (ValueError, "the URL is invalid"),
)


class SchemeNotAllowed(ValueError):
    """The URL is not https."""


class WebhookSender:
    """Posts events. An async context manager that reuses connections between attempts.

    `allow_insecure` permits plain http, private networks and this machine: for the sandbox, and for
    operators who need it. `may_connect` replaces the policy on addresses. `tls` holds the trusted
    roots: by default the system's.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        allow_insecure: bool = False,
        may_connect: MayConnect | None = None,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._clock = clock
        self._allow_insecure = allow_insecure
        self._may_connect = may_connect or (is_public_or_private if allow_insecure else is_public)
        self._resolver = resolver
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        self._session = aiohttp.ClientSession(
            connector=checked_connector(
                may_connect=self._may_connect, resolver=self._resolver, tls=self._tls
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,  # a proxy would connect on our behalf, and check nothing
            read_bufsize=READ_BUFFER_BYTES,
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
        """Post the event once and return the result.

        A status that arrives in time counts, however slow the rest of the response is. aiohttp
        rounds its own timeouts up to whole seconds, so the timeout is enforced here; it includes
        the DNS lookup.
        """
        started_at = self._clock.now()
        start = asyncio.get_running_loop().time()
        status, error, retry_after = None, None, None
        beginning = bytearray()
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._post(delivery, unix_seconds=int(started_at.timestamp())) as response,
            ):
                status = response.status
                retry_after = retry_after_delay(response.headers.get("Retry-After"), now=started_at)
                await _read(response, beginning)
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            error = _reason(failure) if status is None else None
        return Attempt(
            started_at=started_at,
            latency=timedelta(seconds=asyncio.get_running_loop().time() - start),
            http_status=status,
            error=error,
            response_body=None
            if status is None
            else printable_excerpt(bytes(beginning), limit=STORED_RESPONSE_BYTES),
            retry_after=retry_after,
        )

    def _post(
        self, delivery: PendingDelivery, *, unix_seconds: int
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the sender is not open")
        self._check(delivery.url)
        return self._session.post(
            delivery.url,
            data=delivery.event.body,
            headers=delivery_headers(delivery, unix_seconds=unix_seconds),
            allow_redirects=False,
        )

    def _check(self, url: str) -> None:
        """Reject a URL that must not be connected to; names are checked when they are resolved.

        The URL was checked when it was set, but by another process, and maybe by other rules.
        """
        schemes = {"https", "http"} if self._allow_insecure else {"https"}
        if urlsplit(url).scheme not in schemes:
            raise SchemeNotAllowed
        try:
            validate_url_syntax(url, insecure_allowed=self._allow_insecure)
        except InvalidCommand as error:
            raise ValueError(str(error)) from error
        host = urlsplit(url).hostname or ""
        try:
            address = literal_address(host)
        except ValueError:
            raise ForbiddenAddress(host) from None
        if address is not None and not self._may_connect(address):
            raise ForbiddenAddress(host)


async def _read(response: aiohttp.ClientResponse, beginning: bytearray) -> None:
    """Read a response to its end so that its connection can be reused; a long one is cut off.

    Its first bytes go to `beginning`, even if the rest times out.
    """
    remaining = MAX_RESPONSE_BYTES
    while remaining and (chunk := await response.content.read(remaining)):
        remaining -= len(chunk)
        beginning += chunk[: STORED_RESPONSE_BYTES - len(beginning)]


def _reason(failure: Exception) -> str:
    """Return why an attempt failed, for the partner: no addresses, nothing the endpoint sent."""
    if is_forbidden(failure):
        return "the host's address is not a public one"
    if isinstance(failure, SchemeNotAllowed):
        return "the URL is not https"
    return next(
        (text for kind, text in _REASONS if isinstance(failure, kind)), "the attempt failed"
    )
