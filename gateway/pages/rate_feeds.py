"""The XML rate feeds, rendered in a thread when the market has changed.

Rendering and compression use a few percent of a worker's CPU time, so rendering pauses while the
feeds are not requested.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

import structlog
from blacksheep import Application, Request
from blacksheep import Response as BlackSheepResponse

from domain.assets import Catalogue
from domain.market.limits import Headroom
from domain.market.pricing import PriceTable
from domain.market.rates import RateSnapshot
from gateway.http.blacksheep import Handler, headers_of, to_blacksheep
from gateway.http.direct import DirectHandler, DirectHandlers
from gateway.http.json_response import route_not_found
from gateway.http.message import Header, RequestHeaders, Response
from gateway.http.negotiation import FEED, NegotiatedDocument
from gateway.runtime.market import LiveMarket

RATES: Final = "/api/rates.xml"
FLOAT: Final = "/rates/float.xml"
FIXED: Final = "/rates/fixed.xml"
EREF: Final = "/rates/eref.xml"
PATHS: Final = (RATES, FLOAT, FIXED, EREF)
METHODS: Final = ("GET", "HEAD")

POLL_INTERVAL_SECONDS: Final = 0.25
IDLE_AFTER_SECONDS: Final = 180.0
"""Aggregators poll about once a minute; after this long without a request, rendering pauses."""
MAX_RENDER_SHARE: Final = 0.1
"""The maximum share of a worker's time spent on rendering: large feeds are rendered less often."""
YIELD_SECONDS: Final = 0.00005
"""How long the rendering thread releases the GIL, every few hundred microseconds."""

_TYPE: Final = "application/xml; charset=utf-8"
_REVALIDATE: Final[Header] = (b"cache-control", b"no-cache")

log = structlog.get_logger()


class Documents(Protocol):
    """A rendered feed in both dialects."""

    @property
    def plain(self) -> bytes:
        """Return the XML in the format of the contract."""

    @property
    def eref(self) -> bytes:
        """Return the XML in the EREF 1.1 format."""


class Render(Protocol):
    """Renders a feed; `pause` is called every few hundred microseconds."""

    def __call__(
        self,
        table: PriceTable,
        headroom: Headroom,
        *,
        premium_bps: int,
        pause: Callable[[], None],
    ) -> Documents:
        """Return the feed of a price table; `premium_bps` is that of fixed rates, else 0."""


class _FeedInputs(NamedTuple):
    """Everything that a feed is rendered from."""

    catalogue: Catalogue
    snapshot: RateSnapshot
    headroom: Headroom

    def renders_like(self, other: "_FeedInputs") -> bool:
        return (
            self.catalogue is other.catalogue
            and self.snapshot.prices == other.snapshot.prices
            and self.headroom.reserves == other.headroom.reserves
        )


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
        self._empty = negotiated_feeds(empty)
        self._now = now
        self._rendered_inputs: _FeedInputs | None = None
        self._next_render_at = 0.0
        self._requested_at = float("-inf")
        self._resuming: asyncio.Future[None] | None = None
        self._rendering = asyncio.Lock()
        self._by_path: Mapping[str, NegotiatedDocument] = {}
        self._serve(self._empty, fixed=False)

    async def respond(self, path: str, headers: RequestHeaders) -> Response:
        """Return the response to a GET or HEAD of one of PATHS.

        The response is served from memory; only the first request after an idle period waits for
        rendering.
        """
        if self._resuming is None and self._is_idle():
            self._resuming = asyncio.ensure_future(self._resume())
        self._requested_at = self._now()
        if self._resuming is not None:
            await asyncio.shield(self._resuming)
        document = self._by_path.get(path)
        return route_not_found((), headers) if document is None else document.respond(headers)

    async def refresh(self) -> None:
        """Render the feeds if the catalogue, the prices or the reserves have changed.

        The feeds are empty during maintenance, without current prices, and if rendering fails.
        """
        async with self._rendering:
            try:
                await self._render_if_changed()
            except Exception:
                log.exception("feed rendering failed")
                self._serve(self._empty, fixed=self._market.catalogue.switches.fixed_rates)
                self._rendered_inputs = None

    def _is_idle(self) -> bool:
        return self._now() - self._requested_at > IDLE_AFTER_SECONDS

    async def _resume(self) -> None:
        try:
            if self._market.is_ready():
                await self.refresh()
        finally:
            self._resuming = None

    async def _render_if_changed(self) -> None:
        current, rendered = self._current_inputs(), self._rendered_inputs
        if current is None:
            self._serve(self._empty, fixed=self._market.catalogue.switches.fixed_rates)
        elif rendered is not None and (
            current.renders_like(rendered)
            or (current.catalogue is rendered.catalogue and self._now() < self._next_render_at)
        ):
            return
        else:
            started_at = self._now()
            feeds = await asyncio.to_thread(self._render_feeds, current)
            self._serve(feeds, fixed=current.catalogue.switches.fixed_rates)
            self._next_render_at = started_at + (self._now() - started_at) / MAX_RENDER_SHARE
        self._rendered_inputs = current

    async def keep_fresh(self) -> None:
        """Refresh four times a second while the feeds are requested; never returns."""
        while True:
            if not self._is_idle() and self._market.is_ready():
                await self.refresh()
            elif self._rendered_inputs is not None and self._resuming is None:
                self._rendered_inputs = None  # frees the memory of outdated feeds
                self._serve(self._empty, fixed=False)
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    def _current_inputs(self) -> _FeedInputs | None:
        """Return the current market, or None if no pair can be quoted."""
        market = self._market
        if market.catalogue.switches.maintenance or not market.has_fresh_rates():
            return None
        return _FeedInputs(market.catalogue, market.snapshot(), market.headroom)

    def _render_feeds(self, current: _FeedInputs) -> "_Feeds":
        """Render the feeds; that of fixed rates differs only where they have a premium."""
        table = PriceTable(current.catalogue, current.snapshot)

        def rendered(premium_bps: int) -> _Feeds:
            documents = self._render(
                table, current.headroom, premium_bps=premium_bps, pause=yield_to_loop
            )
            return negotiated_feeds(documents)

        plain, eref, _ = rendered(0)
        premium_bps = current.catalogue.fixed_rate_terms.premium_bps
        is_needed = premium_bps and current.catalogue.switches.fixed_rates
        return plain, eref, rendered(premium_bps)[0] if is_needed else plain

    def _serve(self, feeds: "_Feeds", *, fixed: bool) -> None:
        plain, eref, at_fixed_rates = feeds
        every = {RATES: plain, FLOAT: plain, EREF: eref}
        self._by_path = {**every, FIXED: at_fixed_rates} if fixed else every


_Feeds = tuple[NegotiatedDocument, NegotiatedDocument, NegotiatedDocument]
"""The feed in both dialects, and the feed of fixed rates."""


def yield_to_loop() -> None:
    """Release the GIL briefly: a thread that never does so holds it for 5 ms at a time."""
    time.sleep(YIELD_SECONDS)


def negotiated_feeds(documents: Documents) -> _Feeds:
    """Return both dialects in all content encodings; fixed rates are those of the plain one."""
    plain = _negotiated(documents.plain)
    return plain, _negotiated(documents.eref), plain


def _negotiated(xml: bytes) -> NegotiatedDocument:
    return NegotiatedDocument(xml, _TYPE, profile=FEED, headers=[_REVALIDATE])


def direct_feeds(feeds: RateFeeds) -> DirectHandlers:
    """Return the handler of each feed that the ASGI application calls without BlackSheep."""

    def handler(path: str) -> DirectHandler:
        async def handle(headers: RequestHeaders, _body: bytes, *, peer: str) -> Response:  # noqa: ARG001
            return await feeds.respond(path, headers)

        return handle

    return {(method, path.encode()): handler(path) for path in PATHS for method in METHODS}


def mount_feeds(application: Application, feeds: RateFeeds) -> None:
    """Register the feeds as BlackSheep routes."""

    def handler(path: str) -> Handler:
        async def handle(request: Request) -> BlackSheepResponse:
            headers = headers_of(request)
            if request.path != path:  # the router ignores case and a trailing slash
                return to_blacksheep(route_not_found((), headers))
            return to_blacksheep(await feeds.respond(path, headers))

        return handle

    for path in PATHS:
        for method in METHODS:
            application.router.add(method, path, handler(path))
