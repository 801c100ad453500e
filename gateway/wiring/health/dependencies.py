"""The dependencies of a worker: PostgreSQL, its migrations and commits, Valkey, the rates."""

from gateway.runtime.health.dependencies import Dependencies, State
from gateway.runtime.market import LiveMarket
from gateway.wiring.connections import Connections
from persistence.postgres.health import is_read_only, missing_migrations
from persistence.valkey.connection.client import check_primaries


def compose_dependencies(connections: Connections) -> Dependencies:
    """Return the checks, on the connections that also watch for changes."""
    watching, valkey = connections.watching, connections.valkey

    async def database() -> State:
        return State.READ_ONLY if await is_read_only(watching) else State.AVAILABLE

    async def migrations() -> State:
        return State.MISSING if await missing_migrations(watching) else State.AVAILABLE

    async def responding_valkey() -> State:
        await check_primaries(valkey)
        return State.AVAILABLE

    async def commits() -> State:
        return State.WAITING if connections.commits.are_waiting else State.AVAILABLE

    async def rates() -> State:
        return _rates(connections.market)

    return Dependencies(
        {
            "database": database,
            "migrations": migrations,
            "commits": commits,
            "valkey": responding_valkey,
            "rates": rates,
        }
    )


def _rates(market: LiveMarket) -> State:
    if market.newest_snapshot() is None:
        return State.UNAVAILABLE
    return State.AVAILABLE if market.has_fresh_rates() else State.STALE
