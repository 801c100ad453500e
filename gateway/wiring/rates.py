"""The composition of `swapgate rates`."""

import asyncio
import time
from contextlib import suppress
from functools import partial

import structlog
from prometheus_client import start_http_server

from domain.errors import Unavailable
from domain.market.rates import RateSnapshot
from feeds.rates.exchanges import ExchangeMarket
from feeds.rates.health import encode_health
from feeds.rates.publisher import publish_rates
from feeds.rates.sandbox import SandboxMarket
from feeds.rates.venue import Venue
from feeds.rates.venues import VENUES, venue_in_ccxt
from gateway.runtime.clock import new_id
from gateway.runtime.market import LiveMarket
from gateway.settings import RateMarket, Settings
from gateway.wiring.connections import Connections
from gateway.wiring.health.measurements import keep_publishing_pools, pools_of
from gateway.wiring.rates_key import rates_key
from persistence.valkey.rates import RatePublisher

log = structlog.get_logger()


async def run_rates(settings: Settings, *, seed: int, metrics_port: int = 0) -> None:
    """Publish prices of the sandbox market or of exchanges until cancelled.

    Serves metrics on `metrics_port` if it is not 0. Raises OSError if it is in use; SettingsError.
    """
    if metrics_port:
        start_http_server(metrics_port, addr="127.0.0.1")
    market, key = settings.rate_market, rates_key(settings)
    if market is RateMarket.SANDBOX and not settings.sandbox:
        log.error("prices are made up, for test networks only", setting="SWAPGATE_RATES=sandbox")
    connections = Connections(settings)
    publishing = keep_publishing_pools(pools_of(connections))
    connections.background.start(publishing, name="metrics")
    publisher = RatePublisher(connections.valkey, token=str(new_id()), key=key)
    try:
        if market is RateMarket.SANDBOX:
            source = SandboxMarket(connections.clock, seed=seed)
            await publish_rates(source, publisher.publish)
        else:
            await _publish_exchanges(connections, settings, publisher)
    finally:
        with suppress(Unavailable):
            await publisher.resign()
        await connections.close()


async def _publish_exchanges(
    connections: Connections, settings: Settings, publisher: RatePublisher
) -> None:
    """Publish the exchanges' prices of all coins in the catalogue."""
    watchers = connections.watchers(None)
    connections.background.start(watchers.follow_changes(), name="changes")
    coins = _CatalogueCoins(connections.market)
    venues = [
        Venue(
            name,
            partial(venue_in_ccxt, name, base_url=settings.rates_url),
            coins=coins,
            monotonic=time.monotonic,
        )
        for name in VENUES
    ]
    exchanges = ExchangeMarket(
        venues,
        coins=coins,
        clock=connections.clock,
        monotonic=time.monotonic,
        min_sources=settings.rates_sources_needed,
    )

    async def publish(snapshot: RateSnapshot) -> bool:
        return await publisher.publish(snapshot, sources=encode_health(exchanges.health()))

    while not connections.market.is_ready():  # noqa: ASYNC110  once per process
        await asyncio.sleep(0.05)
    async with exchanges:
        await publish_rates(exchanges, publish)


class _CatalogueCoins:
    """The coins of the catalogue; none before it has been read."""

    def __init__(self, market: LiveMarket) -> None:
        self._market = market

    def __call__(self) -> frozenset[str]:
        if not self._market.is_ready():
            return frozenset()
        return frozenset(asset.coin for asset in self._market.catalogue.active_assets())
