"""The processes that `up` starts, each to be run by itself as well."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from gateway.cli.command import DATA_DIR, AsJson, DataDir, fail, settings_of, show
from gateway.runtime.supervisor import die_with_parent
from gateway.settings import Role

DEFAULT_PORT = 8080
DEFAULT_METRICS_PORT = 9464

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
Workers = Annotated[int, typer.Option(min=1, help="Worker processes.")]
MetricsPort = Annotated[int, typer.Option(min=0, help="Port of /metrics; 0 for none.")]
RatesMetricsPort = Annotated[
    int, typer.Option("--metrics-port", min=0, help="Port of /metrics on loopback; 0 for none.")
]
Seed = Annotated[int, typer.Option(help="Seed of the sandbox market's walk.")]
AutoSettle = Annotated[
    bool, typer.Option("--auto-settle/--no-auto-settle", help="Carry sandbox deposits to the end.")
]


def serve(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    workers: Workers = 2,
    metrics_port: MetricsPort = DEFAULT_METRICS_PORT,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Serve the signed API and the pages."""
    from gateway.runtime.logs import configure_logs

    die_with_parent()
    configure_logs()
    settings = settings_of(Role.GATEWAY, data_dir)
    check_rights(settings.database_url, sandbox=settings.sandbox)
    with TemporaryDirectory(prefix="swapgate-metrics-") as directory:
        # prometheus-client looks for this when it is imported: set it first
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", directory)
        from gateway.server import serve as run_server

        try:
            run_server(
                settings, host=host, port=port, workers=workers, metrics_port=metrics_port or None
            )
        except OSError as error:
            fail(f"Can't listen on {host}:{port}: {error.strerror or error}")
        except RuntimeError as error:
            fail(f"Can't listen on {host}:{port}: {error}")


def rates(seed: Seed = 1, metrics_port: RatesMetricsPort = 0, data_dir: DataDir = DATA_DIR) -> None:
    """Publish rates: the sandbox market's, or with SWAPGATE_RATES=exchanges those of exchanges."""
    from feeds.key_file import InvalidKeyFile
    from gateway.wiring.rates import run_rates

    settings = settings_of(Role.GATEWAY, data_dir)
    try:
        run_until_told(run_rates(settings, seed=seed, metrics_port=metrics_port))
    except InvalidKeyFile as error:
        fail(f"Can't sign rates: {error}")
    except OSError as error:
        fail(f"Can't serve metrics on port {metrics_port}: {error.strerror or error}")


def settlement(
    *,
    auto_settle: AutoSettle = False,
    metrics_port: RatesMetricsPort = 0,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Run settlement: the chains of SWAPGATE_CHAINS, expiry, address refill, sandbox steps."""
    from feeds.key_file import InvalidKeyFile
    from feeds.settlement.chains.settings import InvalidChainSettings
    from gateway.wiring.settlement import run_settlement

    settings = settings_of(Role.SETTLEMENT, data_dir)
    if auto_settle and not settings.sandbox:
        fail("--auto-settle is for sandbox mode only")
    if settings.chains and settings.sandbox:
        fail("SWAPGATE_CHAINS is for real money: the sandbox plays its chains itself")
    if settings.chains and not settings.rates_key:
        fail(
            "SWAPGATE_RATES_KEY is not set: settlement pays at no prices but those that "
            "`swapgate rates` signs with the key in that file"
        )
    try:
        run_until_told(run_settlement(settings, auto_settle=auto_settle, metrics_port=metrics_port))
    except (InvalidChainSettings, InvalidKeyFile) as error:
        fail(f"Can't settle on chains: {error}")
    except OSError as error:
        fail(f"Can't serve metrics on port {metrics_port}: {error.strerror or error}")


def migrate(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Bring the database up to date."""
    from persistence.postgres.migrate import MigrationFailed, apply_migrations

    settings = settings_of(Role.OWNER, data_dir)
    try:
        applied = apply_migrations(settings.database_url)
    except MigrationFailed as error:
        fail(str(error))
    show({"applied": applied}, as_json=as_json)


def check_rights(database_url: str, *, sandbox: bool) -> None:
    """Refuse a database role that could move funds or write the ledger.

    Where the database is away, each worker looks by itself when it is there.
    """
    from persistence.postgres.rights import excess_rights_at, refusal

    why = refusal(excess_rights_at(database_url) or (), sandbox=sandbox)
    if why:
        fail(why)


def run_until_told(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until SIGTERM or SIGINT, then cancel it and let it close what it holds."""
    from gateway.runtime.logs import configure_logs

    die_with_parent()
    configure_logs()

    async def run() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    import uvloop

    uvloop.run(run())
