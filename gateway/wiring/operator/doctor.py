"""The composition of `swapgate doctor`."""

import asyncio
from datetime import datetime
from http.client import HTTPException
from typing import Final
from urllib.request import urlopen

from psqlpy.exceptions import Error as DatabaseError
from valkey.exceptions import ValkeyError

from cabinet_htmx.installation import missing_files
from domain.actions.operator.doctor.approvals import ApprovalsHealth, approval_checks
from domain.actions.operator.doctor.chains import SettlementHealth, address_checks, chain_checks
from domain.actions.operator.doctor.checks import CheckGroup, Examination, examine
from domain.actions.operator.doctor.database import SERVER as POSTGRES
from domain.actions.operator.doctor.database import DatabaseHealth, database_checks
from domain.actions.operator.doctor.limits import LimitsHealth, limit_checks
from domain.actions.operator.doctor.network_fees import FeesHealth, fee_checks
from domain.actions.operator.doctor.pages import SERVER as INSTALLATION
from domain.actions.operator.doctor.pages import PagesHealth, page_checks
from domain.actions.operator.doctor.partitions import PartitionHealth, partition_checks
from domain.actions.operator.doctor.rates import RatesHealth, RateSources, rates_checks
from domain.actions.operator.doctor.replication import replication_checks
from domain.actions.operator.doctor.valkey import SERVER as VALKEY
from domain.actions.operator.doctor.valkey import ValkeyServer, valkey_checks
from domain.actions.operator.doctor.webhooks import DeliveryHealth, webhook_checks
from domain.errors import InvalidCommand
from feeds.rates.health import decode_health
from gateway.origins import parse_origins
from gateway.settings import Settings, SettingsError
from gateway.wiring.database import sessions_problem
from gateway.wiring.operator.ports import OperatorPorts
from gateway.wiring.rates_key import rates_key
from persistence.postgres.chains.pay_in.pool_use import read_pool_use
from persistence.postgres.health import (
    can_write_order_state,
    free_addresses,
    gone_endpoints,
    missing_migrations,
    missing_roles,
    oldest_waiting_event,
    partners_with_unreadable_secrets,
    read_server,
)
from persistence.postgres.history import history_problem
from persistence.postgres.operators.waiting import (
    unapproved_proposals,
    undecided_credits,
    unsent_refunds,
)
from persistence.postgres.partitions.months import months_end, tables_outside_months
from persistence.postgres.replication import read_hosts
from persistence.postgres.rights.roles import FUNCTION_OWNERS, GATEWAY, LOGINS
from persistence.postgres.rights.rule import advice, excess_rights
from persistence.valkey.health import read_servers
from persistence.valkey.rates import read_snapshot, read_sources

METRICS_TIMEOUT_SECONDS: Final = 2.0
MAX_METRICS_BYTES: Final = 1 << 20
OWN_METRICS: Final = b"swapgate_"


def run_doctor(settings: Settings) -> Examination:
    """Check an installation; raise SettingsError for URLs that cannot be used."""
    problem = sessions_problem(settings)
    if problem is not None:
        raise SettingsError(problem)

    async def connected() -> Examination:
        ports = OperatorPorts(settings, read_only=True)
        try:
            return await examine(check_groups(ports))
        finally:
            await ports.close()

    return asyncio.run(connected())


def check_groups(ports: OperatorPorts) -> list[CheckGroup]:
    """Return the checks of the servers and the installation, on a command's connections."""
    database, clock = ports.database, ports.clock
    settlement = SettlementHealth(
        chains=ports.chains(),
        outflows=ports.outflows(),
        free_addresses=lambda at_most: free_addresses(database, at_most=at_most),
        pools=lambda: read_pool_use(database, now=clock.now()),
        history_problem=lambda: history_problem(database),
    )
    delivery = DeliveryHealth(
        oldest_waiting=lambda: oldest_waiting_event(database),
        gone_endpoints=lambda: gone_endpoints(database),
    )
    of_postgres = [
        *database_checks(_database_health(ports), clock),
        *replication_checks(lambda: read_hosts(ports.settings.direct_url)),
        *partition_checks(_partition_health(ports), clock),
        *address_checks(settlement),
        *webhook_checks(delivery, clock),
        *chain_checks(settlement, clock),
        *limit_checks(_limits_health(ports)),
        *fee_checks(_fees_health(ports), clock),
        *approval_checks(_approvals_health(ports), clock),
    ]
    of_valkey = [
        *valkey_checks(lambda: _valkey_servers(ports), clock),
        *rates_checks(_rates_health(ports), clock),
    ]
    return [
        CheckGroup(POSTGRES, DatabaseError, of_postgres),
        CheckGroup(VALKEY, ValkeyError, of_valkey),
        CheckGroup(INSTALLATION, OSError, page_checks(_pages_health(ports.settings))),
    ]


def _database_health(ports: OperatorPorts) -> DatabaseHealth:
    database = ports.database

    async def version() -> int:
        return (await read_server(database)).version // 10_000

    async def now() -> datetime:
        return (await read_server(database)).now

    async def rights_problems() -> list[str]:
        found = await excess_rights(database, process_role=None)
        return [f"{one}. {advice(one, GATEWAY)}" for one in found]

    async def unreadable_partners() -> list[str]:
        try:
            keyring = ports.keyring()
        except SettingsError as error:
            raise InvalidCommand(str(error)) from None
        return await partners_with_unreadable_secrets(database, keyring)

    return DatabaseHealth(
        version=version,
        now=now,
        missing_migrations=lambda: missing_migrations(database),
        missing_roles=lambda: missing_roles(database, (*LOGINS, *FUNCTION_OWNERS)),
        can_write_order_state=lambda role: can_write_order_state(database, role),
        excess_rights=rights_problems,
        unreadable_partners=unreadable_partners,
    )


def _partition_health(ports: OperatorPorts) -> PartitionHealth:
    return PartitionHealth(
        months_end=lambda: months_end(ports.database),
        outside_months=lambda: tables_outside_months(ports.database),
    )


def _pages_health(settings: Settings) -> PagesHealth:
    return PagesHealth(
        sandbox=settings.sandbox,
        origins=parse_origins(settings.public_urls, sandbox=settings.sandbox),
        metrics_on_port=settings.metrics_on_port,
        serves_metrics=lambda origin: asyncio.to_thread(serves_metrics, origin),
        missing_files=missing_files,
    )


def serves_metrics(origin: str) -> bool:
    """Return whether an origin serves metrics; one that cannot be reached does not."""
    try:
        # S310: an origin is of http or https
        with urlopen(f"{origin}/metrics", timeout=METRICS_TIMEOUT_SECONDS) as response:  # noqa: S310
            return OWN_METRICS in response.read(MAX_METRICS_BYTES)
    except (OSError, HTTPException, ValueError):
        return False


def _limits_health(ports: OperatorPorts) -> LimitsHealth:
    market = ports.market()
    return LimitsHealth(
        catalogue=market.settings.catalogue,
        unpaid_caps=ports.unpaid_caps().caps.caps,
        market=market,
        outflows=ports.outflows(),
    )


def _fees_health(ports: OperatorPorts) -> FeesHealth:
    settings = ports.market().settings
    return FeesHealth(catalogue=settings.catalogue, fees=settings.network_fees)


def _approvals_health(ports: OperatorPorts) -> ApprovalsHealth:
    database = ports.database
    return ApprovalsHealth(
        catalogue=ports.market().settings.catalogue,
        operators=ports.operators().repository,
        unapproved=lambda before: unapproved_proposals(database, before),
        unsent=lambda before: unsent_refunds(database, before),
        undecided=lambda before: undecided_credits(database, before),
    )


async def _valkey_servers(ports: OperatorPorts) -> list[ValkeyServer]:
    return [
        ValkeyServer(
            server.address,
            server.version,
            server.memory_policy,
            server.now,
            nonces_since=server.nonces_since,
        )
        for server in await read_servers(ports.valkey)
    ]


def _rates_health(ports: OperatorPorts) -> RatesHealth:
    async def sources() -> RateSources | None:
        stored = await read_sources(ports.valkey)
        if stored is None:
            return None
        health = decode_health(stored)
        failing = {venue.name: venue.error for venue in health.venues if venue.error}
        return RateSources(health.at, failing, health.withdrawn)

    key = rates_key(ports.settings) if ports.settings.rates_key else None
    return RatesHealth(snapshot=lambda: read_snapshot(ports.valkey, key=key), sources=sources)
