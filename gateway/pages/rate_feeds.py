"""The XML rate feeds: rendered beside the event loop when what they show has changed.

Rendering and compressing them takes a few percent of a worker, so they rest while nobody asks.
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
REST_AFTER_SECONDS: Final = 180.0
"""Who scrapes feeds asks about once a minute; after so long without, nobody does."""
SHARE: Final = 0.1
"""The most of a worker's time that goes into rendering: large feeds are rendered less often."""
YIELD_SECONDS: Final = 0.00005
"""How long the rendering thread lets go of the interpreter, each few hundred microseconds."""

_TYPE: Final = "application/xml; charset=utf-8"
_REVALIDATE: Final[Header] = (b"cache-control", b"no-cache")

log = structlog.get_logger()


class Documents(Protocol):
    """A feed in both dialects."""

    @property
    def plain(self) -> bytes:
        """Return it as the contract has it."""

    @property
    def eref(self) -> bytes:
        """Return it as EREF 1.1."""


class Render(Protocol):
    """Renders a feed; `pause` is called every few hundred microseconds."""

    def __call__(
        self, table: PriceTable, headroom: Headroom, *, pause: Callable[[], None]
    ) -> Documents:
        """Return the feed of a price table."""


class _Shown(NamedTuple):
    """All that a feed depends on."""

    catalogue: Catalogue
    snapshot: RateSnapshot
    headroom: Headroom

    def shows_the_same(self, other: "_Shown") -> bool:
        return (
            self.catalogue is other.catalogue
            and self.snapshot.prices == other.snapshot.prices
            and self.headroom.reserves == other.headroom.reserves
        )


class RateFeeds:
    """Holds the feeds as they are served; `refresh` renders them anew where they have changed."""

    def __init__(
        self,
        market: LiveMarket,
        render: Render,
        *,
        empty: Documents,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the market, and how to render it; `now` tells seconds."""
        self._market = market
        self._render = render
        self._empty = served(empty)
        self._now = now
        self._shown: _Shown | None = None
        self._lazy_until = 0.0
        self._asked_at = float("-inf")
        self._waking: asyncio.Future[None] | None = None
        self._rendering = asyncio.Lock()
        self._by_path: Mapping[str, NegotiatedDocument] = {}
        self._serve(self._empty, fixed=False)

    async def respond(self, path: str, headers: RequestHeaders) -> Response:
        """Return the response to a GET or HEAD of one of PATHS.

        It comes from memory, except for the first request after a pause, which waits for a
        rendering.
        """
        if self._waking is None and self._is_resting():
            self._waking = asyncio.ensure_future(self._wake())
        self._asked_at = self._now()
        if self._waking is not None:
            await asyncio.shield(self._waking)
        document = self._by_path.get(path)
        return route_not_found((), headers) if document is None else document.respond(headers)

    async def refresh(self) -> None:
        """Render the feeds if the catalogue, the prices or the reserves have changed.

        Without prices that may be quoted from, and in maintenance, they are empty. So they are
        where they can't be rendered.
        """
        async with self._rendering:
            try:
                await self._render_anew()
            except Exception:
                log.exception("a feed can't be rendered")
                self._serve(self._empty, fixed=self._market.catalogue.switches.fixed_rates)
                self._shown = None

    def _is_resting(self) -> bool:
        return self._now() - self._asked_at > REST_AFTER_SECONDS

    async def _wake(self) -> None:
        try:
            if self._market.is_ready():
                await self.refresh()
        finally:
            self._waking = None

    async def _render_anew(self) -> None:
        wanted, shown = self._wanted(), self._shown
        if wanted is None:
            self._serve(self._empty, fixed=self._market.catalogue.switches.fixed_rates)
        elif shown is not None and (
            wanted.shows_the_same(shown)
            or (wanted.catalogue is shown.catalogue and self._now() < self._lazy_until)
        ):
            return
        else:
            began = self._now()
            rendered = await asyncio.to_thread(self._rendered, wanted)
            self._serve(rendered, fixed=wanted.catalogue.switches.fixed_rates)
            self._lazy_until = began + (self._now() - began) / SHARE
        self._shown = wanted

    async def keep_fresh(self) -> None:
        """Refresh for ever, four times a second, while somebody asks."""
        while True:
            if not self._is_resting() and self._market.is_ready():
                await self.refresh()
            elif self._shown is not None and self._waking is None:
                self._shown = None  # what is rendered by now isn't worth its memory
                self._serve(self._empty, fixed=False)
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    def _wanted(self) -> _Shown | None:
        """Return what there is to show now, or None where nothing can be quoted."""
        market = self._market
        if market.catalogue.switches.maintenance or not market.has_fresh_rates():
            return None
        return _Shown(market.catalogue, market.snapshot(), market.headroom)

    def _rendered(self, wanted: _Shown) -> tuple[NegotiatedDocument, NegotiatedDocument]:
        table = PriceTable(wanted.catalogue, wanted.snapshot)
        documents = self._render(table, wanted.headroom, pause=yield_to_loop)
        return served(documents)

    def _serve(self, feeds: tuple[NegotiatedDocument, NegotiatedDocument], *, fixed: bool) -> None:
        plain, eref = feeds
        every = {RATES: plain, FLOAT: plain, EREF: eref}
        self._by_path = {**every, FIXED: plain} if fixed else every


def yield_to_loop() -> None:
    """Let go of the interpreter for a moment: a thread that never does holds it for 5 ms a time."""
    time.sleep(YIELD_SECONDS)


def served(documents: Documents) -> tuple[NegotiatedDocument, NegotiatedDocument]:
    """Return both dialects in all their encodings."""
    return _negotiated(documents.plain), _negotiated(documents.eref)


def _negotiated(xml: bytes) -> NegotiatedDocument:
    return NegotiatedDocument(xml, _TYPE, profile=FEED, headers=[_REVALIDATE])


def direct_feeds(feeds: RateFeeds) -> DirectHandlers:
    """Return a handler of each feed for the ASGI application to call directly."""

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
            if request.path != path:  # the router also matches other cases and a final slash
                return to_blacksheep(route_not_found((), headers))
            return to_blacksheep(await feeds.respond(path, headers))

        return handle

    for path in PATHS:
        for method in METHODS:
            application.router.add(method, path, handler(path))
