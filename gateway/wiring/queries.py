"""The composition of the cabinet's queries, on their own database connections."""

from domain.actions.cabinet.queries import CabinetQueries
from domain.actions.ledger.ports import PayoutDetailsPorts
from domain.partners.codes import MAX_LISTED
from gateway.runtime.clock import new_id
from gateway.settings import Settings
from gateway.wiring.connections import Connections
from persistence.postgres.ledger.earnings import PostgresEarningsRepository
from persistence.postgres.ledger.partner_days import read_days
from persistence.postgres.ledger.payout_details import PostgresPayoutDetailsRepository
from persistence.postgres.orders.partner_orders import PostgresOrderQueries
from persistence.postgres.orders.search import SESSION
from persistence.postgres.partners.codes import PostgresCodeRepository
from persistence.postgres.partners.partners import find_partner
from persistence.postgres.pool import Database
from persistence.postgres.replica import ReplicaReads
from persistence.postgres.webhooks.endpoint_state import read_endpoint_health
from persistence.valkey.admission.weight_used import weight_used

CONNECTIONS = 4
"""Per worker. Page views cannot exhaust the connections of API calls."""


def query_database(settings: Settings) -> Database:
    """Return the connections of the cabinet's queries, and of the API's lists."""
    return Database(
        settings.database_url,
        size=CONNECTIONS,
        application="swapgate-cabinet",
        session=SESSION,
        shared_sessions=bool(settings.database_direct_url),
    )


def dashboard_reads(settings: Settings, primary: Database) -> Database:
    """Return the connections that the dashboard's pages read through."""
    if not settings.database_replica_url:
        return primary
    return ReplicaReads(
        settings.database_replica_url,
        primary,
        size=CONNECTIONS,
        application="swapgate-cabinet",
        session=SESSION,
    )


def compose_queries(connections: Connections, database: Database) -> CabinetQueries:
    """Return the queries of the cabinet's pages."""
    market, codes = connections.market, PostgresCodeRepository(database)
    return CabinetQueries(
        catalogue=lambda: market.catalogue,
        orders=PostgresOrderQueries(database, lambda: market.catalogue),
        earnings=PostgresEarningsRepository(database),
        partner=lambda partner_id: find_partner(database, str(partner_id)),
        codes=lambda partner_id: codes.newest(partner_id, limit=MAX_LISTED),
        days=lambda partner_id, since: read_days(database, partner_id, since),
        weight_used=lambda partner_id: weight_used(connections.valkey, partner_id),
        webhooks=lambda partner_id: read_endpoint_health(database, partner_id),
    )


def compose_payout_details(connections: Connections, database: Database) -> PayoutDetailsPorts:
    """Return the ports of the action that changes payout details."""
    return PayoutDetailsPorts(
        clock=connections.clock,
        market=connections.market,
        repository=PostgresPayoutDetailsRepository(database),
        new_id=new_id,
    )
