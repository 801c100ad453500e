"""The composition of what the endpoints of /v1 use."""

import asyncio
import secrets
from uuid import UUID

from domain.actions.orders.lists.list_orders import ListPorts
from domain.actions.orders.ports import OrderPorts, OrderRepository
from domain.actions.partners.ports import CodePorts, RotationPorts
from domain.actions.sandbox.ports import SandboxRequestPorts
from domain.orders import cursors
from domain.orders.quotes import quote_signing
from domain.orders.quotes.quote_signing import QuoteSigner
from domain.webhooks.ports import WebhookPorts
from gateway.api.discovery_cache import DiscoveryCache
from gateway.api.endpoint import Services
from gateway.api.order_encoding import OrderEncoder
from gateway.api.partner_cache import PartnerCache
from gateway.api.quotes.firm_quote_encoding import FirmQuoteEncoder
from gateway.api.quotes.quote_encoding import QuoteEncoder
from gateway.runtime.clock import new_id
from gateway.runtime.qr_codes import QrCodes
from gateway.settings import Settings
from gateway.wiring.admission.partner_changes import put_into_effect
from gateway.wiring.connections import Connections
from persistence.keyring import KeyRing
from persistence.postgres.chains.addresses.own_addresses import PostgresOwnAddresses
from persistence.postgres.orders.lists import PostgresOrderLists
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.orders.sandbox_steps import PostgresStepRequests
from persistence.postgres.partners.codes import PostgresCodeRepository
from persistence.postgres.partners.secrets import PostgresSecretRepository
from persistence.postgres.pool import Database
from persistence.postgres.webhooks.repository import PostgresWebhookRepository


def compose_services(
    settings: Settings,
    connections: Connections,
    *,
    keyring: KeyRing,
    partners: PartnerCache,
    discovery: DiscoveryCache,
    searches: Database,
) -> Services:
    """Return the services of one worker. Changes invalidate `partners` and notify all processes.

    `searches` are the connections of lists: see persistence/postgres/orders/search.py.
    """
    clock, market = connections.clock, connections.market
    database, valkey = connections.database, connections.valkey

    orders = PostgresOrderRepository(
        database,
        lambda: market.catalogue,
        batched=settings.group_orders,
        commits=connections.commits,
    )

    async def changed(partner_id: UUID, *, revision: int | None = None) -> None:
        partners.invalidate_partner(partner_id)
        await put_into_effect(database, valkey, partner_id, revision=revision)

    return Services(
        clock=clock,
        market=market,
        order_ports=OrderPorts(
            clock=clock,
            market=market,
            quotes=QuoteSigner(
                keyring.derived(quote_signing.KEY_PURPOSE),
                current=lambda: keyring.current,
                randomness=secrets.token_bytes,
            ),
            orders=orders,
            new_id=new_id,
            randomness=secrets.token_bytes,
        ),
        list_ports=ListPorts(
            lists=PostgresOrderLists(searches, database, lambda: market.catalogue),
            cursor_keys=keyring.derived(cursors.KEY_PURPOSE).current_first,
        ),
        own_addresses=PostgresOwnAddresses(database),
        rotation_ports=RotationPorts(
            secrets=PostgresSecretRepository(database, keyring),
            changed=changed,
            randomness=secrets.token_bytes,
        ),
        code_ports=CodePorts(
            clock=clock, codes=PostgresCodeRepository(database), changed=changed, new_id=new_id
        ),
        discovery=discovery,
        qr_codes=QrCodes(),
        quote_encoder=QuoteEncoder(),
        firm_quote_encoder=FirmQuoteEncoder(),
        order_encoder=OrderEncoder(public_url=settings.public_url),
        sandbox=_sandbox(connections, keyring, orders) if settings.sandbox else None,
    )


def _sandbox(
    connections: Connections, keyring: KeyRing, orders: OrderRepository
) -> SandboxRequestPorts:
    return SandboxRequestPorts(
        clock=connections.clock,
        requests=PostgresStepRequests(connections.database),
        orders=orders,
        webhooks=WebhookPorts(
            clock=connections.clock,
            repository=PostgresWebhookRepository(connections.database, keyring),
            new_id=new_id,
            insecure_allowed=True,
        ),
        new_id=new_id,
        pause=asyncio.sleep,
    )
