"""The rate feeds, rendered in a thread when the market has changed.

Rendering and compression use a few percent of a worker's CPU time, so a format is neither rendered
nor compressed while it is not requested.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import structlog

from domain.assets import Catalogue
from domain.market.limits import Headroom
from domain.market.pricing import PriceTable
from domain.market.rates import RateSnapshot
from gateway.http.json_response import route_not_found
from gateway.http.message import Header, RequestHeaders, Response
from gateway.http.negotiation import FEED, NegotiatedDocument
from gateway.runtime.market import LiveMarket

POLL_INTERVAL_SECONDS: Final = 0.25
IDLE_AFTER_SECONDS: Final = 180.0
"""Aggregators poll about once a minute; after this long without a request, rendering pauses."""
MAX_RENDER_SHARE: Final = 0.1
"""The maximum share of a worker's time spent on rendering: large feeds are rendered less often."""
YIELD_SECONDS: Final = 0.00005
"""How long the rendering thread releases the GIL, every few hundred microseconds."""

_XML: Final = "application/xml; charset=utf-8"
_JSON: Final = "application/json"
_REVALIDATE: Final[Header] = (b"cache-control", b"no-cache")

log = structlog.get_logger()


class Feed(StrEnum):
    """A feed: its rates and its format."""

    FLOAT_XML = "float.xml"
    FLOAT_JSON = "float.json"
    FIXED_XML = "fixed.xml"
    FIXED_JSON = "fixed.json"
    EREF = "eref.xml"

    @property
    def is_fixed(self) -> bool:
        """Return whether its rates are fixed ones."""
        return self in (Feed.FIXED_XML, Feed.FIXED_JSON)

    @property
    def is_json(self) -> bool:
        """Return whether its format is JSON."""
        return self in (Feed.FLOAT_JSON, Feed.FIXED_JSON)


RATES: Final = "/api/rates.xml"
BY_PATH: Final[Mapping[str, Feed]] = {RATES: Feed.FLOAT_XML} | {
    f"/rates/{feed.value}": feed for feed in Feed
}


class Documents(Protocol):
    """A rendered feed in all formats."""

    @property
    def plain(self) -> bytes:
        """Return the XML in the format of the contract."""

    @property
    def eref(self) -> bytes:
        """Return the XML in the EREF 1.1 format."""

    @property
    def json(self) -> bytes:
        """Return the JSON."""


class Render(Protocol):
    """Renders a feed; `pause` is called every few hundred microseconds."""

    def __call__(
        self,
        table: PriceTable,
        headroom: Headroom,
        *,
        premium_bps: int = 0,
        markup_bps: int = 0,
        link: str | None = None,
        pause: Callable[[], None],
    ) -> Documents:
        """Return the feed of a price table.

        `premium_bps` is that of fixed rates, and `link` the referral link that items have.
        """


class FeedInputs(NamedTuple):
    """Everything that a feed without a code is rendered from."""

    catalogue: Catalogue
    snapshot: RateSnapshot
    headroom: Headroom

    def renders_like(self, other: "FeedInputs") -> bool:
        """Return whether a feed of both has the same content."""
        return (
            self.catalogue is other.catalogue
            and self.snapshot.prices == other.snapshot.prices
            and self.headroom.reserves == other.headroom.reserves
        )


def feed_inputs(market: LiveMarket) -> FeedInputs | None:
    """Return the current market, or None if no pair can be quoted."""
    if market.catalogue.switches.maintenance or not market.has_fresh_rates():
        return None
    return FeedInputs(market.catalogue, market.snapshot(), market.headroom)


def is_offered(feed: Feed, market: LiveMarket) -> bool:
    """Return whether a feed exists: that of fixed rates does if the operator offers them."""
    if not feed.is_fixed:
        return True
    return market.is_ready() and market.catalogue.switches.fixed_rates


class RateFeeds:
    """The rendered feeds, kept in memory; `refresh` renders them again after a change."""

    def __init__(
        self,
        market: LiveMarket,
        render: Render,
        *,
        empty: Documents,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`empty` is the feed without offers; `now` returns monotonic seconds."""
        self._market = market
        self._render = render
        self._empty = {feed: negotiated(feed, empty) for feed in Feed}
        self._now = now
        self._rendered_inputs: FeedInputs | None = None
        self._next_render_at = 0.0
        self._requested_at = dict.fromkeys(Feed, float("-inf"))
        self._resuming: asyncio.Future[None] | None = None
        self._rendering = asyncio.Lock()
        self._documents: Mapping[Feed, NegotiatedDocument] = {}

    async def respond(self, feed: Feed, headers: RequestHeaders) -> Response:
        """Return the response to a GET or HEAD of a feed.

        The response is served from memory; only the first request after an idle period waits for
        rendering.
        """
        if not is_offered(feed, self._market):
            return route_not_found((), headers)
        was_idle = self._is_idle(feed)
        self._requested_at[feed] = self._now()
        if was_idle:
            if self._resuming is not None:  # a rendering that may have begun without this feed
                await asyncio.shield(self._resuming)
            if self._resuming is None:
                self._resuming = asyncio.ensure_future(self._resume())
        if self._resuming is not None:
            await asyncio.shield(self._resuming)
        return self._documents.get(feed, self._empty[feed]).respond(headers)

    async def refresh(self) -> None:
        """Render the feeds if the catalogue, the prices or the reserves have changed.

        The feeds are empty during maintenance, without current prices, and if rendering fails.
        """
        async with self._rendering:
            try:
                await self._render_if_changed()
            except Exception:
                log.exception("feed rendering failed")
                self._documents = {}
                self._rendered_inputs = None

    def _is_idle(self, feed: Feed) -> bool:
        return self._now() - self._requested_at[feed] > IDLE_AFTER_SECONDS

    def _active(self) -> list[Feed]:
        return [feed for feed in Feed if not self._is_idle(feed) and is_offered(feed, self._market)]

    async def _resume(self) -> None:
        try:
            if self._market.is_ready():
                await self.refresh()
        finally:
            self._resuming = None

    async def _render_if_changed(self) -> None:
        current, rendered = feed_inputs(self._market), self._rendered_inputs
        active = self._active()
        if current is None:
            self._documents = {}
        elif (
            rendered is not None
            and all(feed in self._documents for feed in active)
            and (
                current.renders_like(rendered)
                or (current.catalogue is rendered.catalogue and self._now() < self._next_render_at)
            )
        ):
            return
        else:
            started_at = self._now()
            self._documents = await asyncio.to_thread(self._render_feeds, current, active)
            self._next_render_at = started_at + (self._now() - started_at) / MAX_RENDER_SHARE
        self._rendered_inputs = current

    async def keep_fresh(self) -> None:
        """Refresh four times a second while the feeds are requested; never returns."""
        while True:
            if self._active() and self._market.is_ready():
                await self.refresh()
            elif self._rendered_inputs is not None and self._resuming is None:
                self._rendered_inputs = None  # frees the memory of outdated feeds
                self._documents = {}
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    def _render_feeds(
        self, current: FeedInputs, active: list[Feed]
    ) -> dict[Feed, NegotiatedDocument]:
        """Render the feeds; those of fixed rates differ only where they have a premium."""
        table = PriceTable(current.catalogue, current.snapshot)
        premium_bps = current.catalogue.fixed_rate_terms.premium_bps
        rendered: dict[int, Documents] = {}
        documents: dict[Feed, NegotiatedDocument] = {}
        for feed in active:
            premium = premium_bps if feed.is_fixed else 0
            if premium not in rendered:
                rendered[premium] = self._render(
                    table, current.headroom, premium_bps=premium, pause=yield_to_loop
                )
            documents[feed] = negotiated(feed, rendered[premium])
        return documents


def yield_to_loop() -> None:
    """Release the GIL briefly: a thread that never does so holds it for 5 ms at a time."""
    time.sleep(YIELD_SECONDS)


def negotiated(feed: Feed, documents: Documents) -> NegotiatedDocument:
    """Return a feed in all content encodings."""
    if feed.is_json:
        return NegotiatedDocument(documents.json, _JSON, profile=FEED, headers=[_REVALIDATE])
    body = documents.eref if feed is Feed.EREF else documents.plain
    return NegotiatedDocument(body, _XML, profile=FEED, headers=[_REVALIDATE])
