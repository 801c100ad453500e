"""The composition of a worker of `swapgate serve`."""

import asyncio
import sys
from collections.abc import Collection
from contextlib import suppress
from typing import Final
from uuid import UUID

from domain.actions.partners.open_for_visitor import CLIENT_PURPOSE, TOKEN_PURPOSE
from domain.actions.partners.ports import ReferralPorts
from domain.actions.partners.refer import referral_markup
from domain.partners.ip_allowlist import parse_networks
from domain.partners.partner import ALL_PARTNERS
from domain.partners.referrals import KEY_PURPOSE, ReferralSigner
from feeds.xml.document import EMPTY, render_rates
from gateway.api.authentication import Authenticator
from gateway.api.discovery_cache import DiscoveryCache
from gateway.api.partner_cache import PartnerCache
from gateway.http.client_address import ClientAddresses
from gateway.http.connections.clients import ClientConnections
from gateway.http.connections.limiter import ConnectionLimiter
from gateway.http.connections.limits import Limits, Reason, possible_total
from gateway.http.rate_limiter import RateLimiter
from gateway.origins import PublicOrigins, parse_origins
from gateway.pages.code_feeds import CodeFeeds
from gateway.pages.rate_feeds import RateFeeds
from gateway.pages.referrers import CachedReferrers
from gateway.pages.request import PublicContext, RateLimiters
from gateway.public_hosts import hsts_header
from gateway.runtime.health.dependencies import DependencyReport
from gateway.runtime.health.draining import Draining
from gateway.runtime.health.heartbeats import Heartbeats
from gateway.runtime.health.readiness import Readiness
from gateway.runtime.key_uses import keep_recording
from gateway.runtime.metrics import (
    forget_dead_workers,
    keep_publishing,
    publish_calls,
    report_connections,
)
from gateway.settings import Settings, brand_from
from gateway.wiring.admission.nonces import begin_nonces, keep_watching_nonces
from gateway.wiring.api import compose_services
from gateway.wiring.cabinet import compose_cabinet
from gateway.wiring.connections import Connections
from gateway.wiring.health.dependencies import compose_dependencies
from gateway.wiring.health.measurements import pool_publisher, pools_of
from gateway.wiring.health.serving import (
    admission_publisher,
    rates_publisher,
    valkey_publisher,
)
from gateway.wiring.keyring import open_keyring
from gateway.wiring.queries import (
    compose_payout_details,
    compose_queries,
    dashboard_reads,
    query_database,
)
from gateway.wiring.tracing import open_tracing
from persistence.keyring import KeyRing
from persistence.postgres.partners.api_keys import record_first_v2_use, record_key_uses
from persistence.postgres.partners.partners import read_access
from persistence.postgres.partners.referrals import read_default_partner, read_referrer
from persistence.postgres.partners.valkey_primaries import PostgresGenerations
from persistence.valkey.admission.controller import ValkeyAdmissionController
from persistence.valkey.admission.replication import Replication
from persistence.valkey.connection.client import COMMAND_DURATIONS
from persistence.valkey.counters import ValkeyCounters

FIRST_DATA_SECONDS: Final = 3.0
"""How long a new worker waits for the catalogue and the rates before it accepts calls."""


class GatewayProcess:
    """The components of one worker of `swapgate serve`, and its background work."""

    def __init__(
        self,
        settings: Settings,
        *,
        own_process: bool = False,
        heartbeats: Heartbeats | None = None,
    ) -> None:
        """With `own_process`, handle the signals that stop it. Send `heartbeats` while serving."""
        self._connections = connections = Connections(settings)
        self.tracing = open_tracing(settings, service="serve")
        keyring = open_keyring(settings.keyring_path)
        database, market = connections.database, connections.market
        partners = PartnerCache(lambda api_key: read_access(database, keyring, api_key))
        self._watchers = connections.watchers(partners)
        self._discovery = DiscoveryCache(market)
        self.readiness = Readiness(
            {
                "migrations": lambda: connections.has_all_migrations,
                "catalogue": market.is_ready,
                "partners": lambda: partners.seen_revision >= 0,
                "rates": lambda: market.newest_snapshot() is not None,
            }
        )
        self._dependencies = compose_dependencies(connections)
        self.feeds = RateFeeds(market, render_rates, empty=EMPTY)
        self._query_database = query_database(settings)
        self._dashboard_reads = dashboard_reads(settings, self._query_database)
        self.services = compose_services(
            settings,
            connections,
            keyring=keyring,
            partners=partners,
            discovery=self._discovery,
            searches=self._query_database,
        )
        self.addresses = ClientAddresses(parse_networks(settings.trusted_proxies))
        self.client_connections = ClientConnections(self.addresses.of_connection)
        self._draining = Draining(
            self.readiness,
            seconds=settings.draining_seconds,
            close_connections=self.client_connections.close_all,
        )
        self._own_process, self._heartbeats = own_process, heartbeats
        self._connection_limiter = ConnectionLimiter(
            Limits(settings.connections_per_address, possible_total(settings.connections)),
            send_deadline_seconds=settings.send_deadline_seconds,
            clients=self.client_connections,
            report=report_connections,
        )
        self.brand = brand_from(settings)
        counters = ValkeyCounters(connections.valkey)
        self.origins = PublicOrigins(parse_origins(settings.public_urls, sandbox=settings.sandbox))
        self.hsts = hsts_header(with_subdomains=settings.hsts_subdomains)
        self._limiters = {
            limits.name: RateLimiter(limits, clock=connections.clock, reserve=counters.reserve)
            for limits in settings.unsigned_limits
        }
        self.rate_limiter = self._limiters["quotes"]
        self.public_context = self._public_context(keyring, secure=not settings.sandbox)
        referral_ports = self.public_context.referral_ports
        self.code_feeds = CodeFeeds(
            market,
            render_rates,
            empty=EMPTY,
            markup_of=lambda code: referral_markup(referral_ports, code),
            # outside the sandbox nobody else reaches this machine's own names
            origin=self.origins.main if settings.public_url or settings.sandbox else None,
        )
        self.cabinet = compose_cabinet(
            settings,
            database,
            connections.valkey,
            origins=self.origins,
            keyring=keyring,
            services=self.services,
            queries=compose_queries(connections, self._dashboard_reads),
            payout_details=compose_payout_details(connections, self._query_database),
        )
        self._admission = ValkeyAdmissionController(connections.valkey)
        self.authenticator = Authenticator(
            partners,
            self._admission,
            self.addresses,
            record_v2_use=self._record_v2_use,
            catch_up=self._watchers.catch_up_partners,
        )
        self._publishers = [
            admission_publisher(self.authenticator.take_outcomes),
            pool_publisher({**pools_of(connections), "queries": self._query_database}),
            valkey_publisher(
                {"admission": self._admission.durations, "command": COMMAND_DURATIONS}
            ),
            rates_publisher(connections),
        ]

    async def start(self) -> None:
        """Start the background work, and wait for all data that calls need.

        A worker that accepted calls earlier would reject what the other workers serve. So if there
        are others, it waits as long as it takes; if not, briefly: its health checks must be served.
        """
        if self._own_process:
            self._draining.follow_signals()
        background = self._connections.background
        await begin_nonces(self._connections.database, self._connections.valkey)
        if self._admission.primaries.may_fail_over:
            replication = Replication(
                self._admission, PostgresGenerations(self._connections.database)
            )
            await replication.check()
            background.start(replication.keep_checking(), name="replication")
        background.start(self._watchers.follow_changes(), name="changes")
        background.start(self._watchers.follow_notices(), name="notices")
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_DATA_SECONDS):
                while not self._is_complete():  # noqa: ASYNC110  once per worker
                    await asyncio.sleep(0.02)
        if self._heartbeats is not None and self._heartbeats.serving():
            while not (self.readiness.has_loaded() or self.readiness.is_draining):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        if self._connections.market.is_ready():
            self._discovery.refresh()
        background.start(self._discovery.keep_fresh(), name="discovery")
        background.start(self.feeds.keep_fresh(), name="feeds")
        background.start(self.code_feeds.keep_fresh(), name="feeds of codes")
        forget_dead_workers()
        report_connections(0, dict.fromkeys(Reason, 0))  # an alarm sees how a counter grows
        background.start(keep_publishing(self.readiness.is_ready, self._publishers), name="metrics")
        background.start(keep_watching_nonces(self._admission.recovery_ms), name="nonces")
        if sys.platform == "linux":
            background.start(self._connection_limiter.keep_limiting(), name="connection limits")
        used = self.authenticator.take_used_keys
        background.start(keep_recording(used, self._record_key_uses), name="key uses")
        if self._heartbeats is not None:
            self._heartbeats.begin()

    async def stop(self) -> None:
        """Stop the background work and close all connections."""
        await self._connections.close()
        self._query_database.close()
        self._dashboard_reads.close()
        if self.tracing is not None:
            await asyncio.to_thread(self.tracing.close)
        publish_calls()
        for publish in self._publishers:
            publish()

    async def dependencies(self) -> DependencyReport:
        """Return the states of what all nodes share."""
        return await self._dependencies.report()

    def _is_complete(self) -> bool:
        return self.readiness.has_loaded() and self._connections.market.can_quote()

    def _public_context(self, keyring: KeyRing, *, secure: bool) -> PublicContext:
        connections, database = self._connections, self._connections.database
        signing = keyring.derived(KEY_PURPOSE)
        return PublicContext(
            order_ports=self.services.order_ports,
            qr_codes=self.services.qr_codes,
            referral_ports=ReferralPorts(
                clock=connections.clock,
                referrers=CachedReferrers(
                    lambda code: read_referrer(database, code),
                    lambda: read_default_partner(database),
                    lambda: self._admission.newest_revision(ALL_PARTNERS),
                ),
                signer=ReferralSigner(signing, current=lambda: keyring.current),
            ),
            rate_limiters=RateLimiters(
                quotes=self._limiters["quotes"],
                views=self._limiters["lookups"],
                orders=self._limiters["orders"],
            ),
            addresses=self.addresses,
            token_keys=keyring.derived(TOKEN_PURPOSE).current_first,
            client_keys=keyring.derived(CLIENT_PURPOSE).current_first,
            secure=secure,
        )

    async def _record_key_uses(self, api_keys: Collection[str]) -> None:
        now = self._connections.clock.now()
        await record_key_uses(self._connections.commits, api_keys, at=now)

    async def _record_v2_use(self, partner_id: UUID, key_id: UUID) -> None:
        now = self._connections.clock.now()
        await record_first_v2_use(self._connections.database, key_id, at=now)
        await self.services.rotation_ports.changed(partner_id)
