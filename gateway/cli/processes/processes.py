"""The processes that `up` starts; each can also be run by itself."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import msgspec
import typer

from domain.history import DatabaseOnHold
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, settings_of
from gateway.cli.output import show
from gateway.instance import PreparationFailed, Role, ValkeyUser
from gateway.origins import local_origins
from gateway.runtime.parent_death import die_with_parent
from gateway.settings import Settings, SettingsError

DEFAULT_PORT = 8080
DEFAULT_METRICS_PORT = 9464
CANCEL_AGAIN_SECONDS = 3.0
"""In which a process that is stopped closes its connections and ends its leases."""

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
Workers = Annotated[int, typer.Option(min=1, help="Number of worker processes.")]
MetricsPort = Annotated[int, typer.Option(min=0, help="Port of /metrics; 0 for none.")]
LocalMetricsPort = Annotated[
    int, typer.Option("--metrics-port", min=0, help="Port of /metrics on loopback; 0 for none.")
]
Seed = Annotated[int, typer.Option(help="Seed of the sandbox market's random walk.")]
AutoSettle = Annotated[
    bool,
    typer.Option(
        "--auto-settle/--no-auto-settle",
        help="Advance orders with a sandbox deposit to their final state.",
    ),
]

Wait = Annotated[
    bool,
    typer.Option(
        "--wait/--no-wait",
        help="On a database that was restored, wait for `swapgate pay-in restored`.",
    ),
]


def serve(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    workers: Workers = 2,
    metrics_port: MetricsPort = DEFAULT_METRICS_PORT,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Serve the API and the pages."""
    from gateway.runtime.logs import configure_logs

    die_with_parent()
    configure_logs()
    settings = settings_of(Role.GATEWAY, data_dir, valkey_user=ValkeyUser.GATEWAY)
    check_database(settings, Role.GATEWAY)
    check_keyring(settings)
    check_packages(settings)
    settings = with_local_origins(settings, host=host, port=port)
    with TemporaryDirectory(prefix="swapgate-metrics-") as directory:
        # prometheus-client reads this variable when it is imported
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", directory)
        from gateway.server import serve as run_server

        try:
            run_server(
                settings, host=host, port=port, workers=workers, metrics_port=metrics_port or None
            )
        except OSError as error:
            raise Failure(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        except RuntimeError as error:
            raise Failure(f"cannot listen on {host}:{port}: {error}") from None


def with_local_origins(settings: Settings, *, host: str, port: int) -> Settings:
    """Return settings that also accept the names of this machine: in the sandbox, or without any.

    Outside the sandbox browsers reach the pages through a proxy with TLS: the log says so.
    """
    if settings.public_url and not settings.sandbox:
        return settings
    if not settings.sandbox:
        import structlog

        structlog.get_logger().error("no public address", setting="SWAPGATE_PUBLIC_URL")
    local = local_origins(host if settings.sandbox else "", port)
    origins = ", ".join([settings.other_public_urls, *local])
    return msgspec.structs.replace(settings, other_public_urls=origins)


def rates(seed: Seed = 1, metrics_port: LocalMetricsPort = 0, data_dir: DataDir = DATA_DIR) -> None:
    """Publish prices: of the sandbox or, with SWAPGATE_RATES=exchanges, of exchanges."""
    settings = settings_of(Role.GATEWAY, data_dir, valkey_user=ValkeyUser.RATES)
    check_database(settings, Role.GATEWAY)
    from gateway.wiring.rates import run_rates

    run_until_stopped(
        run_rates(settings, seed=seed, metrics_port=metrics_port), metrics_port=metrics_port
    )


def settlement(
    *,
    auto_settle: AutoSettle = False,
    wait: Wait = False,
    metrics_port: LocalMetricsPort = 0,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Run settlement: the chains of SWAPGATE_CHAINS, expiry, address refill, sandbox steps."""
    settings = settings_of(Role.SETTLEMENT, data_dir, valkey_user=ValkeyUser.SETTLEMENT)
    if auto_settle and not settings.sandbox:
        raise Failure("--auto-settle requires sandbox mode")
    if settings.chains and settings.sandbox:
        raise Failure("SWAPGATE_CHAINS is for real money: the sandbox simulates its chains")
    check_database(settings, Role.SETTLEMENT)
    from gateway.wiring.settlement import run_settlement

    run_until_stopped(
        run_settlement(settings, auto_settle=auto_settle, wait=wait, metrics_port=metrics_port),
        metrics_port=metrics_port,
    )


def migrate(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Bring the database schema up to date; in sandbox mode, make a new database a sandbox."""
    settings = settings_of(Role.OWNER, data_dir)
    from gateway.wiring.database import migrate as apply

    try:
        applied = apply(settings.direct_url)
        if settings.sandbox:
            from gateway.wiring.preparation import prepare_sandbox

            prepare_sandbox(settings.direct_url)
    except PreparationFailed as error:
        raise Failure(str(error)) from None
    show({"applied": applied}, as_json=as_json)


def check_database(settings: Settings, role: Role) -> None:
    """Raise Failure if a pooler is not declared, and see check_rights."""
    from gateway.wiring.database import sessions_problem

    problem = sessions_problem(settings)
    if problem:
        raise Failure(problem)
    check_rights(settings.database_url, role, sandbox=settings.sandbox)


def check_rights(database_url: str, role: Role, *, sandbox: bool) -> None:
    """Raise Failure while a role or function of the database has more rights than it may have."""
    from gateway.wiring.database import excess_rights_problem

    problem = excess_rights_problem(database_url, role, sandbox=sandbox)
    if problem:
        raise Failure(problem)


def check_keyring(settings: Settings) -> None:
    """Raise Failure unless the key ring can be used: workers would be started again and again."""
    from gateway.wiring.keyring import open_keyring

    try:
        open_keyring(settings.keyring_path)
    except SettingsError as error:
        raise Failure(str(error)) from None


def check_packages(settings: Settings) -> None:
    """Raise Failure if tracing is on and cannot be: workers would be started again and again."""
    from gateway.wiring.tracing import check_tracing

    try:
        check_tracing(settings)
    except SettingsError as error:
        raise Failure(str(error)) from None


def run_until_stopped(work: Coroutine[Any, Any, None], *, metrics_port: int) -> None:
    """Run a process until SIGTERM or SIGINT, then cancel it and let it close its connections."""
    from gateway.runtime.logs import configure_logs

    die_with_parent()
    configure_logs()

    import uvloop

    try:
        uvloop.run(until_stopped(work))
    except (SettingsError, DatabaseOnHold) as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot listen on port {metrics_port}: {error.strerror or error}") from None


async def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run work until SIGTERM or SIGINT, then cancel it and wait until it has ended."""
    task, stop = asyncio.ensure_future(work), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    signaled = asyncio.ensure_future(stop.wait())
    await asyncio.wait([task, signaled], return_when=asyncio.FIRST_COMPLETED)
    signaled.cancel()
    task.cancel()
    # Clients of servers lose a cancellation that arrives together with what they wait for.
    while not (await asyncio.wait([task], timeout=CANCEL_AGAIN_SECONDS))[0]:
        for one in asyncio.all_tasks():
            if one.cancelling():
                one.cancel()
    with suppress(asyncio.CancelledError):
        await task
