"""The composition of a worker of `swapgate serve`.

This and its neighbours `*_wiring` and `connections` alone name adapters.
"""

import asyncio
import secrets
from collections.abc import Collection
from contextlib import suppress
from uuid import UUID

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.actions.orders.ports import OrderPorts
from domain.actions.partners.open_for_visitor import TOKEN_PURPOSE
from domain.actions.partners.ports import CodePorts, ReferralPorts, RotationPorts
from domain.partners.ip_allowlist import parse_networks
from domain.partners.referrals import KEY_PURPOSE, ReferralSigner
from feeds.xml.document import EMPTY, render_rates
from gateway.api.authentication import Authenticator
from gateway.api.discovery_cache import DiscoveryCache
from gateway.api.endpoint import Services
from gateway.api.order_encoding import OrderEncoder
from gateway.api.partner_cache import PartnerCache
from gateway.api.qr_codes import QrCodes
from gateway.api.quote_encoding import QuoteEncoder
from gateway.http.client_address import ClientAddresses
from gateway.http.rate_limiter import RateLimiter
from gateway.pages.rate_feeds import RateFeeds
from gateway.pages.referrers import CachedReferrers
from gateway.pages.request import PublicContext, RateLimiters
from gateway.runtime.clock import new_id
from gateway.runtime.key_uses import keep_recording
from gateway.runtime.metrics import keep_publishing, publish_counts
from gateway.settings import Settings, brand_from
from gateway.wiring.cabinet import compose_cabinet
from gateway.wiring.connections import Connections
from gateway.wiring.queries import compose_payout_details, compose_queries, query_database
from persistence.keyring import KeyRing, load_keyring
from persistence.postgres.health import missing_migrations
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.partners.codes import PostgresCodeRepository
from persistence.postgres.partners.key_settings import record_key_uses
from persistence.postgres.partners.partners import read_access
from persistence.postgres.partners.referrals import read_default_partner, read_referrer
from persistence.postgres.partners.secrets import PostgresSecretRepository
from persistence.valkey.admission import ValkeyAdmissionController
from persistence.valkey.counters import add_counts
from persistence.valkey.generations import publish_generation
from persistence.valkey.notices import publish_change

FIRST_DATA_SECONDS = 3.0
"""How long a new worker waits for catalogue and rates before it takes calls without them."""


class GatewayProcess:
    """What one worker of `swapgate serve` is made of."""

    def __init__(self, settings: Settings) -> None:
        self._connections = connections = Connections(settings)
        keyring = load_keyring(settings.keyring_path)
        database, market = connections.database, connections.market
        directory = PartnerCache(lambda api_key: read_access(database, keyring, api_key))
        self._watchers = connections.watchers(directory)
        self._discovery = DiscoveryCache(market)
        self.feeds = RateFeeds(market, render_rates, empty=EMPTY)

        async def changed(partner_id: UUID) -> None:
            directory.partner_changed(partner_id)
            await publish_change(connections.valkey)

        self.services = Services(
            clock=connections.clock,
            market=market,
            opening=OrderPorts(
                clock=connections.clock,
                market=market,
                orders=PostgresOrderRepository(
                    database, lambda: market.catalogue, batched=settings.group_orders
                ),
                new_id=new_id,
                randomness=secrets.token_bytes,
            ),
            rotation=RotationPorts(
                secrets=PostgresSecretRepository(database, keyring),
                outdate=lambda partner_id, below: publish_generation(
                    connections.valkey, partner_id, below
                ),
                changed=changed,
                pause=asyncio.sleep,
                randomness=secrets.token_bytes,
            ),
            codes=CodePorts(
                clock=connections.clock,
                codes=PostgresCodeRepository(database),
                changed=changed,
                new_id=new_id,
            ),
            discovery=self._discovery,
            qr_codes=QrCodes(),
            quote_encoder=QuoteEncoder(),
            order_encoder=OrderEncoder(),
        )
        self.rate_limiter = RateLimiter(
            per_minute=settings.unsigned_quotes_per_minute,
            clock=connections.clock,
            share=lambda counts: add_counts(connections.valkey, counts),
        )
        self.addresses = ClientAddresses(parse_networks(settings.trusted_proxies))
        self.brand = brand_from(settings)
        self._public_guards = {
            name: RateLimiter(
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
        self.entrance = PublicContext(
            services=self.services,
            referring=ReferralPorts(
                clock=connections.clock,
                referrers=CachedReferrers(
                    lambda code: read_referrer(database, code),
                    lambda: read_default_partner(database),
                ),
                signer=ReferralSigner(signing, current=keyring.current),
            ),
            guards=RateLimiters(
                quotes=self.rate_limiter,
                looks=self._public_guards["looks"],
                orders=self._public_guards["orders"],
                all_orders=self._public_guards["orders of all"],
            ),
            addresses=self.addresses,
            token_keys=_newest_first(keyring, TOKEN_PURPOSE),
            secure=not settings.sandbox,
        )
        self._reading = query_database(settings)
        self.cabinet = compose_cabinet(
            settings,
            database,
            connections.valkey,
            keyring=keyring,
            services=self.services,
            queries=compose_queries(connections, self._reading),
            payout_details=compose_payout_details(connections, self._reading),
        )
        self._gate = ValkeyAdmissionController(connections.valkey)
        self.authenticator = Authenticator(directory, self._gate, self.addresses)

    async def start(self) -> None:
        """Begin to follow rates and changes, and wait a moment for the first of them.

        A worker that took calls before would refuse what its neighbours answer.
        """
        background = self._connections.background
        background.start(self._watchers.follow_changes(), name="changes")
        background.start(self._watchers.follow_notices(), name="notices")
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_DATA_SECONDS):
                while not self._connections.market.has_all():  # noqa: ASYNC110  once a worker
                    await asyncio.sleep(0.02)
                self._discovery.refresh()
        background.start(self._discovery.keep_fresh(), name="discovery")
        background.start(self.feeds.keep_fresh(), name="feeds")
        background.start(self.rate_limiter.keep_sharing(), name="guard")
        for name, guard in self._public_guards.items():
            background.start(guard.keep_sharing(), name=f"guard of {name}")
        background.start(keep_publishing(), name="metrics")
        background.start(
            keep_recording(self._gate.take_active_partners, self._note_uses), name="key uses"
        )

    async def stop(self) -> None:
        """End all background work and close connections."""
        await self._connections.close()
        self._reading.close()
        publish_counts()

    async def _note_uses(self, partners: Collection[UUID]) -> None:
        now = self._connections.clock.now()
        await record_key_uses(self._connections.database, partners, at=now)

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
