"""The composition of `swapgate settlement`."""

import asyncio
import os
import socket
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from prometheus_client import start_http_server

from domain.actions.ledger.accrue_earnings import accrue_earnings
from domain.actions.orders.expire_orders import expire_due_orders
from domain.actions.orders.ports import SettlementPorts
from domain.actions.orders.resolve_emergency import execute_choices
from domain.actions.sandbox.run_steps import run_steps
from domain.actions.sandbox.simulate import SandboxPorts
from domain.history import DatabaseOnHold
from feeds.key_file import InvalidKeyFile
from feeds.loop import poll_forever, run_forever
from feeds.settlement.addresses.hot_wallet import REPORT_SECONDS
from feeds.settlement.addresses.refill import PoolAlarms, PoolRefill
from feeds.settlement.addresses.reuse import INTERVAL_SECONDS as REUSE_SECONDS
from feeds.settlement.chains.interface import ChainSettings, InvalidChainSettings
from feeds.settlement.chains.settings import read_chains_file
from feeds.settlement.connect import connect_chains
from feeds.settlement.metrics import publish_due_orders, publish_pool_use, record_payout
from feeds.settlement.payouts.fee_estimates import INTERVAL_SECONDS
from feeds.settlement.payouts.leadership import RENEWAL_SECONDS
from feeds.settlement.sandbox import sandbox_tx_id, settle_step, unconfirmed_deposits
from gateway.runtime.clock import new_id
from gateway.settings import Settings, SettingsError
from gateway.wiring.connections import Connections
from gateway.wiring.database import history_watch
from gateway.wiring.health.measurements import keep_publishing_pools, pools_of
from gateway.wiring.rates_key import rates_key
from gateway.wiring.tracing import open_tracing
from persistence.postgres.chains.attempts import PostgresAttemptRepository
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.chains.due_orders import read_due_orders
from persistence.postgres.chains.leases import PostgresLeaseRepository
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from persistence.postgres.chains.pay_in.pool import PostgresAddressPool
from persistence.postgres.chains.pay_in.pool_use import read_pool_use
from persistence.postgres.chains.pay_in.reuse import PostgresAddressReuse
from persistence.postgres.ledger.partner_days import count_orders
from persistence.postgres.market.network_fees import record_estimates
from persistence.postgres.notifications import Channel, listen
from persistence.postgres.orders.sandbox_steps import PostgresStepQueue, advance_order
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.partitions.months import create_partition

if TYPE_CHECKING:
    from gateway.runtime.tracing import Tracing

CHOICES_SECONDS = 1.0
EXPIRY_SECONDS = 1.0
ACCRUAL_SECONDS = 2.0
COUNTING_SECONDS = 5.0
PARTITIONS_SECONDS = 3600.0
REFILL_SECONDS = 0.5
POOL_METRICS_SECONDS = 30.0
DUE_METRICS_SECONDS = 5.0
STEP_SECONDS = 0.5
REQUESTED_STEPS_SECONDS = 1.0
CHAIN_SECONDS = 0.5
REPORT_INTERVAL_SECONDS = 5.0


def settlement_ports(
    connections: Connections, *, public_url: str, tracing: "Tracing | None" = None
) -> SettlementPorts:
    """Return what the actions of settlement need."""
    market, database = connections.market, connections.database
    ports = SettlementPorts(
        clock=connections.clock,
        market=market,
        orders=PostgresSettlementOrderRepository(database, lambda: market.catalogue),
        new_id=new_id,
        public_url=public_url,
        on_payout=record_payout,
    )
    if tracing is None:
        return ports
    from gateway.wiring.tracing.settlement import (  # noqa: PLC0415  an optional extra
        TracedSettlementOrderRepository,
        traced_work,
    )

    traced = traced_work(database, tracing)
    return msgspec.structs.replace(
        ports,
        orders=TracedSettlementOrderRepository(database, lambda: market.catalogue, traced),
        traced=traced,
    )


async def run_settlement(
    settings: Settings, *, auto_settle: bool, wait: bool = False, metrics_port: int = 0
) -> None:
    """Run settlement until cancelled: choices, accrual, expiry, refill, chains or sandbox steps.

    With a port, metrics are served on it. With `wait`, a database on hold after a restore is waited
    for. Raises OSError if the port is taken, SettingsError if the chains file, or a key file,
    cannot be used, and DatabaseOnHold.
    """
    if metrics_port:
        start_http_server(metrics_port, addr="127.0.0.1")
    chains = _read_chains(settings)
    tracing = open_tracing(settings, service="settlement")
    try:
        while True:
            try:
                await _run(settings, chains, auto_settle=auto_settle, wait=wait, tracing=tracing)
            except DatabaseOnHold:
                if not wait:
                    raise
    finally:
        if tracing is not None:
            await asyncio.to_thread(tracing.close)


async def _run(
    settings: Settings,
    chains: Mapping[str, ChainSettings],
    *,
    auto_settle: bool,
    wait: bool,
    tracing: "Tracing | None",
) -> None:
    connections = Connections(settings, rates_key=rates_key(settings))
    watchers = connections.watchers(None)
    ports = settlement_ports(connections, public_url=settings.public_url, tracing=tracing)
    history = history_watch(connections.database, connections.valkey)
    try:
        await history.until_confirmed(wait=wait)
    except BaseException:
        await connections.close()
        raise
    loops = [
        history.keep(),
        watchers.follow_changes(),
        watchers.follow_notices(),
        *_periodic_actions(connections, ports, sandbox=settings.sandbox),
    ]
    if settings.sandbox:
        wake = asyncio.Event()
        loops.append(_sandbox_steps(connections, ports, wake))
        loops.append(_step_notifications(settings.direct_url, wake))
    if auto_settle:
        loops.append(
            poll_forever("sandbox", lambda: settle_step(ports), every_seconds=STEP_SECONDS)
        )
    if not settings.sandbox:
        loops.append(_settle_on_chains(connections, chains, ports))
    try:
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop)
    except* (InvalidChainSettings, InvalidKeyFile) as invalid:
        raise _unusable(invalid.exceptions[0]) from None
    except* DatabaseOnHold as on_hold:
        raise on_hold.exceptions[0] from None
    finally:
        await connections.close()


def _periodic_actions(
    connections: Connections, ports: SettlementPorts, *, sandbox: bool
) -> list[Coroutine[Any, Any, None]]:
    """Return the loops that live installations and sandboxes have in common."""

    async def publish_pools() -> int:
        publish_pool_use(await read_pool_use(connections.database, now=connections.clock.now()))
        return 0

    async def publish_due() -> int:
        due = await read_due_orders(connections.watching)
        publish_due_orders(due, now=connections.clock.now())
        return 0

    refill = PoolRefill(
        PostgresAddressPool(connections.database),
        clock=connections.clock,
        to_thread=asyncio.to_thread,
        report=PoolAlarms().report,
    )
    refund_tx_id = (lambda _: sandbox_tx_id()) if sandbox else None
    return [
        poll_forever(
            "choices",
            lambda: execute_choices(ports, refund_tx_id),
            every_seconds=CHOICES_SECONDS,
        ),
        poll_forever("accrual", lambda: accrue_earnings(ports), every_seconds=ACCRUAL_SECONDS),
        poll_forever(
            "counting",
            lambda: count_orders(connections.database),
            every_seconds=COUNTING_SECONDS,
        ),
        poll_forever(
            "partitions",
            lambda: create_partition(connections.database),
            every_seconds=PARTITIONS_SECONDS,
        ),
        poll_forever("pool metrics", publish_pools, every_seconds=POOL_METRICS_SECONDS),
        poll_forever("due orders", publish_due, every_seconds=DUE_METRICS_SECONDS),
        keep_publishing_pools(pools_of(connections)),
        poll_forever("expiry", lambda: expire_due_orders(ports), every_seconds=EXPIRY_SECONDS),
        poll_forever(
            "refill",
            refill.round,
            every_seconds=REFILL_SECONDS,
        ),
    ]


def _sandbox_steps(
    connections: Connections, ports: SettlementPorts, wake: asyncio.Event
) -> Coroutine[Any, Any, None]:
    """Return the loop that performs the steps which partners of a sandbox request."""
    database, clock = connections.database, connections.clock
    sandbox = SandboxPorts(
        settlement=ports,
        new_tx_id=sandbox_tx_id,
        unconfirmed=unconfirmed_deposits,
        advance=lambda order_id, seconds: advance_order(
            database, order_id, seconds, at=clock.now()
        ),
    )
    queue = PostgresStepQueue(database)
    return poll_forever(
        "sandbox steps",
        lambda: run_steps(sandbox, queue),
        every_seconds=REQUESTED_STEPS_SECONDS,
        wake=wake,
    )


def _step_notifications(url: str, wake: asyncio.Event) -> Coroutine[Any, Any, None]:
    """Return the loop that wakes the other one as soon as a step is requested."""
    stop = asyncio.Event()
    return run_forever(
        lambda: listen(url, Channel.SANDBOX_STEPS, on_work=wake.set, stop=stop),
        name="sandbox step notifications",
        stop=stop,
    )


def _read_chains(settings: Settings) -> Mapping[str, ChainSettings]:
    try:
        return read_chains_file(Path(settings.chains)) if settings.chains else {}
    except InvalidChainSettings as error:
        raise _unusable(error) from None


def _unusable(error: Exception) -> SettingsError:
    return SettingsError(f"cannot settle on chains: {error}")


def _holder() -> str:
    """Return a name of this process that no other has, and that an operator recognizes."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_id().hex[-8:]}"


async def _settle_on_chains(
    connections: Connections, chains: Mapping[str, ChainSettings], ports: SettlementPorts
) -> None:
    """Follow all chains, and pay out on those with a hot wallet, each in its own loop.

    Assets that are not connected are not swapped, so even an empty list is reported.
    """
    market = connections.market
    while not market.is_ready():  # noqa: ASYNC110  once per process: the catalogue's assets
        await asyncio.sleep(0.05)
    repository = PostgresChainRepository(connections.database, lambda: market.catalogue)
    connected = connect_chains(
        chains,
        ports=ports,
        repository=repository,
        leases=PostgresLeaseRepository(connections.database),
        outflows=lambda lease: PostgresOutflowRepository(
            connections.database, lambda: market.catalogue, lease=lease
        ),
        attempts=lambda lease: PostgresAttemptRepository(connections.database, lease=lease),
        holder=_holder(),
        record_estimates=lambda estimates: record_estimates(connections.database, estimates),
        address_reuse=PostgresAddressReuse(connections.database),
    )

    async def report() -> int:
        await repository.set_connected(connected.assets)
        await repository.set_test_networks(connected.test_networks)
        return 0

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                poll_forever("connected assets", report, every_seconds=REPORT_INTERVAL_SECONDS)
            )
            for network, watch in connected.watches.items():
                group.create_task(poll_forever(network, watch.round, every_seconds=CHAIN_SECONDS))
            for network, leadership in connected.leaderships.items():
                name = f"lease of {network}"
                loop = poll_forever(name, leadership.keep, every_seconds=RENEWAL_SECONDS)
                group.create_task(loop)
            for network, payouts in connected.payouts.items():
                name = f"payouts on {network}"
                group.create_task(poll_forever(name, payouts.round, every_seconds=CHAIN_SECONDS))
            for network, reuse in connected.address_reuse.items():
                name = f"address reuse on {network}"
                loop = poll_forever(name, reuse.round, every_seconds=REUSE_SECONDS)
                group.create_task(loop)
            for network, hot_wallet in connected.hot_wallets.items():
                name = f"hot wallet of {network}"
                loop = poll_forever(name, hot_wallet.round, every_seconds=REPORT_SECONDS)
                group.create_task(loop)
            for network, estimates in connected.fee_estimates.items():
                name = f"fee estimates on {network}"
                group.create_task(
                    poll_forever(name, estimates.round, every_seconds=INTERVAL_SECONDS)
                )
    finally:
        await connected.close()
