"""The rate feeds of referral codes: with the code's markup, and with its links.

A feed is rendered when it is first requested, then in the background for an hour after its last
request. Anybody can request the feeds of codes, so their number, their memory and the time spent on
them are bounded in each worker, and so are those that one client address has started.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
import structlog

from domain.errors import RateLimited, Unavailable
from domain.market.pricing import PriceTable
from domain.partners.codes import is_code
from gateway.http.json_response import route_not_found
from gateway.http.message import RequestHeaders, Response
from gateway.http.negotiation import NegotiatedDocument
from gateway.pages.rate_feeds import (
    MAX_RENDER_SHARE,
    POLL_INTERVAL_SECONDS,
    Documents,
    Feed,
    FeedInputs,
    Render,
    feed_inputs,
    is_offered,
    negotiated,
    yield_to_loop,
)
from gateway.runtime.market import LiveMarket

IDLE_AFTER_SECONDS: Final = 3_600.0
MAX_FEEDS: Final = 64
MAX_FEEDS_PER_ADDRESS: Final = 16
MAX_BYTES: Final = 64 * 1024 * 1024
MAX_AGE_SECONDS: Final = 10.0
"""A feed of earlier prices that the background has not reached by then is rendered on request."""

ReadMarkup = Callable[[str], Awaitable[int | None]]
"""Returns the markup of a code in bps; None if no orders can be referred by it."""

_Key = tuple[str, Feed]

log = structlog.get_logger()


class _CodeFeed(msgspec.Struct, eq=False):
    """A feed of a code, and what its document was rendered from."""

    source: str
    """The address of the client that requested it first."""
    markup_bps: int
    requested_at: float
    document: NegotiatedDocument | None = None
    rendered_from: tuple[int, FeedInputs] | None = None
    rendered_at: float = float("-inf")
    rendering: asyncio.Future[None] | None = None

    def is_like(self, current: FeedInputs) -> bool:
        """Return whether the document has the content that it would have now."""
        if self.rendered_from is None:
            return False
        markup_bps, inputs = self.rendered_from
        return markup_bps == self.markup_bps and current.renders_like(inputs)

    def is_usable(self, current: FeedInputs, *, now: float) -> bool:
        """Return whether the document can be served: of these prices, or of recent ones."""
        if self.rendered_from is None:
            return False
        markup_bps, inputs = self.rendered_from
        is_recent = now - self.rendered_at <= MAX_AGE_SECONDS
        same_terms = markup_bps == self.markup_bps and inputs.catalogue is current.catalogue
        return (same_terms and is_recent) or self.is_like(current)


class CodeFeeds:
    """The rendered feeds of codes, kept in memory while they are requested."""

    def __init__(
        self,
        market: LiveMarket,
        render: Render,
        *,
        empty: Documents,
        markup_of: ReadMarkup,
        origin: str | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`origin` begins the links: there are none without it. `now` returns monotonic seconds."""
        self._market = market
        self._render = render
        self._empty: Mapping[Feed, NegotiatedDocument] = {
            feed: negotiated(feed, empty) for feed in Feed
        }
        self._markup_of = markup_of
        self._origin = origin
        self._now = now
        self._feeds: OrderedDict[_Key, _CodeFeed] = OrderedDict()
        self._lock = asyncio.Lock()
        self._next_render_at = 0.0

    async def respond(
        self,
        code: str,
        feed: Feed,
        headers: RequestHeaders,
        *,
        source: str,
        admit: Callable[[], Awaitable[None]],
    ) -> Response:
        """Return the response to a GET or HEAD of a code's feed.

        `source` is the client's address; `admit` counts a request for what is not in memory. Raises
        RateLimited and Unavailable. An unknown or disabled code is not found.
        """
        key = code, feed
        if not is_code(code) or not is_offered(feed, self._market):
            return route_not_found((), headers)
        if key not in self._feeds:
            await admit()
        markup_bps = await self._markup(key)
        if markup_bps is None:
            self._forget(code)
            return route_not_found((), headers)
        found = self._requested(key, markup_bps, source)
        current = feed_inputs(self._market) if self._market.is_ready() else None
        if current is None:
            return self._empty[feed].respond(headers)
        if not found.is_usable(current, now=self._now()):
            await self._rendered(key, found)
        document = found.document
        return (self._empty[feed] if document is None else document).respond(headers)

    async def keep_fresh(self) -> None:
        """Render the outdated feeds in turn, the one that was rendered first; never returns."""
        while True:
            await self.refresh()
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    async def refresh(self) -> None:
        """Forget idle feeds, and render the most outdated one if there is time for it."""
        oldest = self._now() - IDLE_AFTER_SECONDS
        for key in [key for key, feed in self._feeds.items() if feed.requested_at < oldest]:
            del self._feeds[key]
        started_at = self._now()
        if not self._feeds or not self._market.is_ready() or started_at < self._next_render_at:
            return
        current = feed_inputs(self._market)
        outdated = [
            (feed.rendered_at, key, feed)
            for key, feed in self._feeds.items()
            if current is not None and not feed.is_like(current)
        ]
        if outdated:
            _, key, feed = min(outdated, key=lambda one: one[0])
            await self._rendered(key, feed)
            self._next_render_at = started_at + (self._now() - started_at) / MAX_RENDER_SHARE

    async def _markup(self, key: _Key) -> int | None:
        """Return the code's markup; the last known one of a feed while the database is gone."""
        try:
            return await self._markup_of(key[0])
        except Unavailable:
            known = self._feeds.get(key)
            if known is None:
                raise
            return known.markup_bps

    def _requested(self, key: _Key, markup_bps: int, source: str) -> _CodeFeed:
        """Record a request and return the feed; raise RateLimited for too many of one address."""
        feed, now = self._feeds.get(key), self._now()
        if feed is None:
            started = [one.requested_at for one in self._feeds.values() if one.source == source]
            if len(started) >= MAX_FEEDS_PER_ADDRESS:
                raise RateLimited(max(int(min(started) + IDLE_AFTER_SECONDS - now) + 1, 1))
            feed = self._feeds[key] = _CodeFeed(source, markup_bps, now)
        feed.markup_bps, feed.requested_at = markup_bps, now
        self._feeds.move_to_end(key)
        self._trim()
        return feed

    async def _rendered(self, key: _Key, feed: _CodeFeed) -> None:
        """Render a feed; concurrent requests for it wait for the same rendering."""
        if feed.rendering is None:
            feed.rendering = asyncio.ensure_future(self._render_one(key, feed))
        await asyncio.shield(feed.rendering)

    async def _render_one(self, key: _Key, feed: _CodeFeed) -> None:
        try:
            async with self._lock:  # one at a time, so that the event loop is not delayed by more
                current = feed_inputs(self._market)
                if current is None or feed.is_like(current):
                    return
                terms = feed.markup_bps, current
                feed.document = await asyncio.to_thread(self._document, key, *terms)
                feed.rendered_from, feed.rendered_at = terms, self._now()
                self._trim()
        except Exception:
            log.exception("feed rendering failed", code=key[0])
            feed.document, feed.rendered_from = None, None
        finally:
            feed.rendering = None

    def _document(self, key: _Key, markup_bps: int, current: FeedInputs) -> NegotiatedDocument:
        code, feed = key
        documents = self._render(
            PriceTable(current.catalogue, current.snapshot),
            current.headroom,
            premium_bps=current.catalogue.fixed_rate_terms.premium_bps if feed.is_fixed else 0,
            markup_bps=markup_bps,
            link=None if self._origin is None else f"{self._origin}/r/{code}",
            pause=yield_to_loop,
        )
        return negotiated(feed, documents)

    def _forget(self, code: str) -> None:
        for feed in Feed:
            self._feeds.pop((code, feed), None)

    def _trim(self) -> None:
        """Forget the feeds that have not been requested for longest, until all bounds hold."""
        size = sum(one.document.size for one in self._feeds.values() if one.document is not None)
        while len(self._feeds) > 1 and (len(self._feeds) > MAX_FEEDS or size > MAX_BYTES):
            _, forgotten = self._feeds.popitem(last=False)
            size -= forgotten.document.size if forgotten.document is not None else 0
