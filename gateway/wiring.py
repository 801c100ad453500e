"""The composition root: the only module that names adapters."""

import asyncio
import random
import secrets
import socket
import time
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import start_http_server
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.actions.accrue_earnings import accrue_earnings
from domain.actions.expire_orders import expire_due_orders
from domain.actions.open_for_visitor import TOKEN_PURPOSE
from domain.actions.resolve_emergency import carry_out_choices
from domain.assets import Catalogue
from domain.errors import Unavailable
from domain.ports import CodeManagement, OrderOpening, Referring, Rotation, Settlement
from domain.rates import RateSnapshot
from domain.referrals import KEY_PURPOSE, ReferralSigner
from feeds.rates.exchanges import ExchangeMarket
from feeds.rates.health import encode_health
from feeds.rates.publisher import publish_rates
from feeds.rates.sandbox import SandboxMarket
from feeds.rates.venue import Venue
from feeds.rates.venues import VENUES, venue_in_ccxt
from feeds.settlement.chains.connect import connect_chains
from feeds.settlement.chains.settings import ChainSettings, ChainsUnusable, read_chains_file
from feeds.settlement.chains.signers import KeyUnusable
from feeds.settlement.refill import PoolAlarms, refill_addresses
from feeds.settlement.rounds import repeat
from feeds.settlement.sandbox import sandbox_tx_id, settle_step
from feeds.webhooks.delivery import run_delivery
from feeds.webhooks.loop import keep_doing
from feeds.webhooks.relay import run_relay
from feeds.webhooks.sampling import sample
from feeds.xml.document import EMPTY, render_rates
from gateway.api.endpoint import Services
from gateway.auth import Authenticator
from gateway.cabinet_wiring import compose_cabinet
from gateway.client_address import ClientAddresses, parse_networks
from gateway.clock import SystemClock, new_id
from gateway.directory import PartnerDirectory
from gateway.discovery import Discovery
from gateway.market import LiveMarket
from gateway.metrics import keep_publishing, publish_counts
from gateway.qr_codes import QrCodes
from gateway.rate_feeds import RateFeeds
from gateway.referrers import KeptReferrers
from gateway.settings import RateMarket, Settings, brand_from
from gateway.unsigned_guard import UnsignedGuard
from gateway.visitors.entrance import Entrance, Guards
from gateway.watchers import Sources, Watchers
from persistence.keyring import KeyRing, load_keyring
from persistence.postgres.catalogue import read_catalogue
from persistence.postgres.chains import PostgresChainBook
from persistence.postgres.codes import PostgresCodeBook
from persistence.postgres.health import missing_migrations
from persistence.postgres.orders import PostgresOrderBook, PostgresOrderDesk
from persistence.postgres.outflows import PostgresOutflowBook
from persistence.postgres.partner_days import count_orders
from persistence.postgres.partners import changed_keys, read_access
from persistence.postgres.pay_in import PostgresAddressPool
from persistence.postgres.pool import Database
from persistence.postgres.referrals import read_house, read_referrer
from persistence.postgres.reserves import read_headroom
from persistence.postgres.revisions import read_revisions
from persistence.postgres.rights import excess_rights, refusal
from persistence.postgres.secrets import PostgresSecrets
from persistence.postgres.webhook_circuits import PostgresCircuits
from persistence.postgres.webhook_events import SESSION as EVENTS_SESSION
from persistence.postgres.webhook_events import PostgresWebhookEvents
from persistence.postgres.webhook_log import PostgresOutlook
from persistence.postgres.webhook_signal import listen_for_events
from persistence.valkey.admission import AdmissionGate
from persistence.valkey.client import connect
from persistence.valkey.counters import add_counts
from persistence.valkey.generations import outdate
from persistence.valkey.notices import notices, tell_of_changes
from persistence.valkey.rates import RatePublisher, decode_snapshot, read_snapshot
from persistence.valkey.stream import WebhookStream

CHOICES_SECONDS = 0.25
EXPIRY_SECONDS = 1.0
ACCRUAL_SECONDS = 2.0
COUNTING_SECONDS = 5.0
REFILL_SECONDS = 1.0
STEP_SECONDS = 0.25
CHAIN_SECONDS = 0.5
FIRST_LOOK_SECONDS = 3.0
"""How long a new worker waits for catalogue and rates before it takes calls without them."""
LAST_ATTEMPTS_SECONDS = 7.0
"""How long attempts under way are waited for at the end; what is unfinished then is sent again."""

log = structlog.get_logger()


class Background:
    """Tasks that run until `stop`; one that ends by itself is a defect, and is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Run `work` in the background."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancel everything and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            log.error("background work ended", task=task.get_name(), exc_info=task.exception())


class Connections:
    """A process's own connections to PostgreSQL and Valkey, and what it follows through them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.clock = SystemClock()
        self.database = Database(settings.database_url, size=settings.database_connections)
        self._watching = Database(settings.database_url, size=2)
        self.valkey: Valkey = connect(settings.valkey_url)
        self.market = LiveMarket(self.clock, sandbox=settings.sandbox)
        self.background = Background()

    def watchers(self, directory: PartnerDirectory | None) -> Watchers:
        """Return what keeps the market, and the directory if there is one, up to date.

        Who has a directory is a gateway: it takes no catalogue, and so no calls, while its
        database role could do what a gateway must not.
        """
        watching = self._watching

        async def read() -> Catalogue:
            catalogue = await read_catalogue(watching)
            if directory is not None:
                why = refusal(await excess_rights(watching), sandbox=self._settings.sandbox)
                if why is not None:
                    raise Unavailable(why)
            return catalogue

        return Watchers(
            Sources(
                read_revisions=lambda: read_revisions(watching),
                read_catalogue=read,
                read_headroom=lambda catalogue: read_headroom(watching, catalogue),
                changed_keys=lambda since: changed_keys(watching, since),
                read_snapshot=lambda: read_snapshot(self.valkey),
                decode_snapshot=decode_snapshot,
                notices=lambda: notices(self.valkey),
            ),
            self.market,
            directory,
        )

    async def close(self) -> None:
        """End background work and close all connections."""
        await self.background.stop()
        self.database.close()
        self._watching.close()
        with suppress(ValkeyError, OSError):
            await self.valkey.aclose()


class GatewayProcess:
    """What one worker of `swapgate serve` is made of."""

    def __init__(self, settings: Settings) -> None:
        self._connections = connections = Connections(settings)
        keyring = load_keyring(settings.keyring_path)
        database, market = connections.database, connections.market
        directory = PartnerDirectory(lambda api_key: read_access(database, keyring, api_key))
        self._watchers = connections.watchers(directory)
        self._discovery = Discovery(market)
        self.feeds = RateFeeds(market, render_rates, empty=EMPTY)

        async def changed(partner_id: UUID) -> None:
            directory.partner_changed(partner_id)
            await tell_of_changes(connections.valkey)

        self.services = Services(
            clock=connections.clock,
            market=market,
            opening=OrderOpening(
                clock=connections.clock,
                market=market,
                orders=PostgresOrderDesk(
                    database, lambda: market.catalogue, grouped=settings.group_orders
                ),
                new_id=new_id,
                randomness=secrets.token_bytes,
            ),
            rotation=Rotation(
                secrets=PostgresSecrets(database, keyring),
                outdate=lambda partner_id, below: outdate(connections.valkey, partner_id, below),
                changed=changed,
                pause=asyncio.sleep,
                randomness=secrets.token_bytes,
            ),
            codes=CodeManagement(
                clock=connections.clock,
                codes=PostgresCodeBook(database),
                changed=changed,
                new_id=new_id,
            ),
            discovery=self._discovery,
            qr_codes=QrCodes(),
        )
        self.guard = UnsignedGuard(
            per_minute=settings.unsigned_quotes_per_minute,
            clock=connections.clock,
            share=lambda counts: add_counts(connections.valkey, counts),
        )
        self.addresses = ClientAddresses(parse_networks(settings.trusted_proxies))
        self.brand = brand_from(settings)
        self._public_guards = {
            name: UnsignedGuard(
                per_minute=per_minute,
                clock=connections.clock,
                share=lambda counts: add_counts(connections.valkey, counts),
            )
            for name, per_minute in (
                ("looks", settings.unsigned_quotes_per_minute),
                ("orders", settings.public_orders_per_minute),
                ("orders of all", settings.public_orders_of_all_per_minute),
            )
        }
        signing = keyring.derived(KEY_PURPOSE)
        self.entrance = Entrance(
            services=self.services,
            referring=Referring(
                clock=connections.clock,
                referrers=KeptReferrers(
                    lambda code: read_referrer(database, code), lambda: read_house(database)
                ),
                signer=ReferralSigner(signing, current=keyring.current),
            ),
            guards=Guards(
                quotes=self.guard,
                looks=self._public_guards["looks"],
                orders=self._public_guards["orders"],
                all_orders=self._public_guards["orders of all"],
            ),
            addresses=self.addresses,
            token_keys=_newest_first(keyring, TOKEN_PURPOSE),
            secure=not settings.sandbox,
        )
        self.cabinet = compose_cabinet(
            settings, database, connections.valkey, keyring=keyring, clock=connections.clock
        )
        self.authenticator = Authenticator(directory, AdmissionGate(connections.valkey))

    async def start(self) -> None:
        """Begin to follow rates and changes, and wait a moment for the first of them.

        A worker that took calls before would refuse what its neighbours answer.
        """
        background = self._connections.background
        background.start(self._watchers.follow_changes(), name="changes")
        background.start(self._watchers.follow_notices(), name="notices")
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                while not self._connections.market.has_all():  # noqa: ASYNC110  once a worker
                    await asyncio.sleep(0.02)
                self._discovery.refresh()
                await self.feeds.refresh()
        background.start(self._discovery.keep_fresh(), name="discovery")
        background.start(self.feeds.keep_fresh(), name="feeds")
        background.start(self.guard.keep_sharing(), name="guard")
        for name, guard in self._public_guards.items():
            background.start(guard.keep_sharing(), name=f"guard of {name}")
        background.start(keep_publishing(), name="metrics")

    async def stop(self) -> None:
        """End all background work and close connections."""
        await self._connections.close()
        publish_counts()

    async def readiness(self) -> dict[str, bool]:
        """Return what readiness depends on: servers, migrations, catalogue and fresh rates."""
        missing = await self._missing_migrations()
        return {
            "database": missing is not None,
            "migrations": missing == [],
            "valkey": await _answers(self._connections.valkey),
            "catalogue": self._discovery.is_ready(),
            "rates": self._connections.market.has_fresh_rates(),
        }

    async def _missing_migrations(self) -> list[str] | None:
        try:
            return await missing_migrations(self._connections.database)
        except Exception:  # noqa: BLE001  whatever it is, this worker can't take traffic
            return None


def _newest_first(keyring: KeyRing, purpose: bytes) -> list[bytes]:
    """Return the keys derived for `purpose`, the one that is used for new things first."""
    derived = keyring.derived(purpose)
    return [derived.pop(keyring.current), *derived.values()]


async def _answers(valkey: Valkey) -> bool:
    try:
        return bool(await valkey.ping())
    except (ValkeyError, OSError):
        return False


def settlement_ports(connections: Connections) -> Settlement:
    """Return what the actions of settlement need."""
    market = connections.market
    return Settlement(
        clock=connections.clock,
        market=market,
        orders=PostgresOrderBook(connections.database, lambda: market.catalogue),
        new_id=new_id,
    )


async def run_settlement(settings: Settings, *, auto_settle: bool, metrics_port: int = 0) -> None:
    """Run settlement until cancelled: choices, accrual, expiry, refill, chains or sandbox steps.

    With a port, metrics are served on it. Raises OSError where it is taken, and ChainsUnusable and
    KeyUnusable for chains that are set in a way they can't be used.
    """
    if metrics_port:
        start_http_server(metrics_port, addr="127.0.0.1")
    chains = read_chains_file(Path(settings.chains)) if settings.chains else {}
    connections = Connections(settings)
    watchers = connections.watchers(None)
    ports = settlement_ports(connections)
    pool, alarms = PostgresAddressPool(connections.database), PoolAlarms()
    send_back = (lambda _: sandbox_tx_id()) if settings.sandbox else None
    rounds = [
        watchers.follow_changes(),
        watchers.follow_notices(),
        repeat(
            "choices",
            lambda: carry_out_choices(ports, send_back),
            every_seconds=CHOICES_SECONDS,
        ),
        repeat("accrual", lambda: accrue_earnings(ports), every_seconds=ACCRUAL_SECONDS),
        repeat(
            "counting",
            lambda: count_orders(connections.database),
            every_seconds=COUNTING_SECONDS,
        ),
        repeat("expiry", lambda: expire_due_orders(ports), every_seconds=EXPIRY_SECONDS),
        repeat(
            "refill",
            lambda: refill_addresses(pool, to_thread=asyncio.to_thread, alarms=alarms),
            every_seconds=REFILL_SECONDS,
        ),
    ]
    if auto_settle:
        rounds.append(repeat("sandbox", lambda: settle_step(ports), every_seconds=STEP_SECONDS))
    if chains:
        rounds.append(_settle_on_chains(connections, chains, ports))
    try:
        async with asyncio.TaskGroup() as group:
            for work in rounds:
                group.create_task(work)
    except* (ChainsUnusable, KeyUnusable) as unusable:
        raise unusable.exceptions[0] from None
    finally:
        await connections.close()


async def _settle_on_chains(
    connections: Connections, chains: Mapping[str, ChainSettings], ports: Settlement
) -> None:
    """Follow all chains, and pay out on those that have a hot wallet, each at its own pace."""
    market = connections.market
    while not market.is_ready():  # noqa: ASYNC110  once a process: which assets there are
        await asyncio.sleep(0.05)
    connected = connect_chains(
        chains,
        ports=ports,
        book=PostgresChainBook(connections.database, lambda: market.catalogue),
        outflows=PostgresOutflowBook(connections.database, lambda: market.catalogue),
    )
    try:
        async with asyncio.TaskGroup() as group:
            for network, watch in connected.watches.items():
                group.create_task(repeat(network, watch.round, every_seconds=CHAIN_SECONDS))
            for network, paying in connected.payouts.items():
                name = f"payouts on {network}"
                group.create_task(repeat(name, paying.round, every_seconds=CHAIN_SECONDS))
    finally:
        await connected.close()


async def run_rates(settings: Settings, *, seed: int, metrics_port: int = 0) -> None:
    """Publish prices until cancelled: the sandbox market's, or those of exchanges.

    With a port, metrics are served on it. Raises OSError where it is taken.
    """
    if metrics_port:
        start_http_server(metrics_port, addr="127.0.0.1")
    connections = Connections(settings)
    publisher = RatePublisher(connections.valkey, token=str(new_id()))
    try:
        if settings.rates is RateMarket.SANDBOX:
            market = SandboxMarket(connections.clock, seed=seed)
            await publish_rates(market, publisher.publish)
        else:
            await _publish_exchanges(connections, settings, publisher)
    finally:
        with suppress(Unavailable):
            await publisher.resign()
        await connections.close()


async def _publish_exchanges(
    connections: Connections, settings: Settings, publisher: RatePublisher
) -> None:
    """Publish the exchanges' prices of all coins that the catalogue has."""
    watchers = connections.watchers(None)
    connections.background.start(watchers.follow_changes(), name="changes")
    coins = _CoinsOf(connections.market)
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
        needed=settings.rates_sources_needed,
    )

    async def publish(snapshot: RateSnapshot) -> bool:
        return await publisher.publish(snapshot, sources=encode_health(exchanges.health()))

    while not connections.market.is_ready():  # noqa: ASYNC110  once a process: which coins there are
        await asyncio.sleep(0.05)
    async with exchanges:
        await publish_rates(exchanges, publish)


class _CoinsOf:
    """The coins of a market's catalogue, once one has been read."""

    def __init__(self, market: LiveMarket) -> None:
        self._market = market

    def __call__(self) -> frozenset[str]:
        if not self._market.is_ready():
            return frozenset()
        return frozenset(asset.coin for asset in self._market.catalogue.active_assets())


async def run_webhooks(settings: Settings, *, metrics_port: int = 0) -> None:
    """Relay and deliver webhooks until cancelled, then finish what is being sent.

    With a port, metrics are served on it. Raises OSError where it is taken.

    All processes of one host read the stream under one name; which of them read an entry matters
    to nobody, and names that nobody uses any more would stay in the group for ever.
    """
    from feeds.webhooks.sender import WebhookSender  # noqa: PLC0415  only here aiohttp is needed

    database = Database(
        settings.database_url, size=settings.database_connections, session=EVENTS_SESSION
    )
    valkey = connect(settings.valkey_url)
    events = PostgresWebhookEvents(database, load_keyring(settings.keyring_path))
    clock, stop, wake = SystemClock(), asyncio.Event(), asyncio.Event()
    sender = WebhookSender(clock=clock, allow_insecure=settings.insecure_webhooks)
    queues = [WebhookStream(valkey, consumer=socket.gethostname()) for _ in range(2)]
    work: list[Coroutine[Any, Any, None]] = []
    if metrics_port:
        start_http_server(metrics_port, addr="127.0.0.1")
        outlook = PostgresOutlook(database)
        work.append(sample(outlook=outlook, queue=queues[0], clock=clock, stop=stop))
    listening = keep_doing(
        lambda: listen_for_events(settings.database_url, on_event=wake.set, stop=stop),
        name="webhook signal",
        stop=stop,
    )
    relaying = run_relay(
        outbox=events,
        queue=queues[0],
        clock=clock,
        stop=stop,
        wake=wake,
        room=settings.webhook_concurrency,
        per_endpoint=settings.webhook_endpoint_concurrency,
    )
    delivering = run_delivery(
        events=events,
        circuits=PostgresCircuits(database),
        queue=queues[1],
        sender=sender,
        clock=clock,
        new_id=new_id,
        uniform=random.uniform,
        stop=stop,
        concurrency=settings.webhook_concurrency,
        per_endpoint=settings.webhook_endpoint_concurrency,
        on_settled=wake.set,
    )
    try:
        async with sender:
            await _until_cancelled([listening, relaying, delivering, *work], stop)
    finally:
        database.close()
        with suppress(ValkeyError, OSError):
            await valkey.aclose()


async def _until_cancelled(work: Iterable[Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run `work` until cancelled or until any of it ends, then have all of it end.

    `stop` asks it to; what hasn't ended a moment later is cancelled.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        _, unfinished = await asyncio.wait(tasks, timeout=LAST_ATTEMPTS_SECONDS)
        for task in unfinished:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
