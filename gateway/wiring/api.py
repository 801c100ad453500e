"""The composition of what the endpoints of /v1 use."""

import secrets
from uuid import UUID

from domain.actions.orders.ports import OrderPorts
from domain.actions.partners.ports import CodePorts, RotationPorts
from gateway.api.discovery_cache import DiscoveryCache
from gateway.api.endpoint import Services
from gateway.api.order_encoding import OrderEncoder
from gateway.api.partner_cache import PartnerCache
from gateway.api.quote_encoding import QuoteEncoder
from gateway.runtime.clock import new_id
from gateway.runtime.qr_codes import QrCodes
from gateway.settings import Settings
from gateway.wiring.admission.partner_changes import put_into_effect
from gateway.wiring.connections import Connections
from persistence.keyring import KeyRing
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.partners.codes import PostgresCodeRepository
from persistence.postgres.partners.secrets import PostgresSecretRepository


def compose_services(
    settings: Settings,
    connections: Connections,
    *,
    keyring: KeyRing,
    partners: PartnerCache,
    discovery: DiscoveryCache,
) -> Services:
    """Return the services of one worker. Changes invalidate `partners` and notify all processes."""
    clock, market = connections.clock, connections.market
    database, valkey = connections.database, connections.valkey

    async def changed(partner_id: UUID, *, revision: int | None = None) -> None:
        partners.invalidate_partner(partner_id)
        await put_into_effect(database, valkey, partner_id, revision=revision)

    return Services(
        clock=clock,
        market=market,
        order_ports=OrderPorts(
            clock=clock,
            market=market,
            orders=PostgresOrderRepository(
                database, lambda: market.catalogue, batched=settings.group_orders
            ),
            new_id=new_id,
            randomness=secrets.token_bytes,
        ),
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
        order_encoder=OrderEncoder(),
    )
