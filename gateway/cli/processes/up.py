"""`swapgate up`: the whole service on one machine, from nothing but this checkout."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
import typer
from rich.console import Console

from gateway.cli.command import DATA_DIR, DataDir, Failure, settings_of
from gateway.cli.processes.processes import (
    DEFAULT_PORT,
    AutoSettle,
    Port,
    Workers,
    check_rights,
)
from gateway.instance import (
    DEMO_FILE,
    INSTANCE_FILE,
    Instance,
    PreparationFailed,
    Role,
    ValkeyUser,
    write_private,
)
from gateway.runtime.supervisor import (
    ChildKeepsExiting,
    Event,
    EventKind,
    Supervisor,
)
from gateway.settings import SettingsError

HOST: Final = "127.0.0.1"
READY_SECONDS: Final = 60
HEALTH: Final = ("/healthz", "/readyz", "/healthz/dependencies")

out = Console()
err = Console(stderr=True)

Sandbox = Annotated[
    bool,
    typer.Option("--sandbox/--no-sandbox", help="Test money, a demo partner, http webhooks."),
]

FirstMetricsPort = Annotated[
    int,
    typer.Option(
        "--metrics-port",
        min=0,
        max=65532,
        help="Port of the API's /metrics on loopback; the next three are those of webhooks, "
        "rates and settlement. 0 for none.",
    ),
]


def up(
    *,
    port: Port = DEFAULT_PORT,
    workers: Workers = 2,
    data_dir: DataDir = DATA_DIR,
    auto_settle: AutoSettle = True,
    sandbox: Sandbox = True,
    metrics_port: FirstMetricsPort = 0,
) -> None:
    """Run the whole service on one machine, with embedded servers unless others are configured."""
    started = time.monotonic()
    # Half a second of imports, while PostgreSQL creates its directory.
    importing = ThreadPoolExecutor(1).submit(import_module, "gateway.wiring.preparation")
    from gateway.wiring.children import child_processes
    from gateway.wiring.embedded import locked, running_servers

    try:
        with ExitStack() as stack, out.status("Starting") as status:
            stack.enter_context(locked(data_dir))
            _check_port(port)
            data_dir = data_dir.resolve()
            servers, instance = stack.enter_context(running_servers(data_dir, sandbox=sandbox))
            importing.result()
            from gateway.wiring.database import unconfirmed_history
            from gateway.wiring.preparation import prepare

            local = f"http://localhost:{port}" if sandbox else ""
            instance.public_url = os.environ.get("SWAPGATE_PUBLIC_URL") or local
            write_private(data_dir / INSTANCE_FILE, msgspec.json.encode(instance))
            _ = settings_of(Role.GATEWAY, data_dir, valkey_user=ValkeyUser.RATES).rate_market
            status.update("Preparing the database")
            prepare(instance, data_dir, base_url=f"http://{HOST}:{port}")
            for role in (Role.GATEWAY, Role.SETTLEMENT):
                check_rights(instance.database_url(role), role, sandbox=sandbox)
            problem = unconfirmed_history(instance)
            if problem:
                err.print(f"No order is accepted yet: {problem}", markup=False)
            children = child_processes(
                instance,
                data_dir,
                serve=("--host", HOST, "--port", str(port), "--workers", str(workers)),
                metrics_port=metrics_port,
                auto_settle=auto_settle,
            )
            supervisor = stack.enter_context(
                Supervisor(children, logs=data_dir / "logs", servers=servers, on_event=_print_event)
            )
            status.update("Starting the processes")
            supervisor.start()
            _wait_until_ready(supervisor, port, data_dir)
            status.stop()
            if not supervisor.stopping:
                _print_locations(port, data_dir, instance, seconds=time.monotonic() - started)
            supervisor.run()
            out.print("Stopping")
    except (PreparationFailed, ChildKeepsExiting, SettingsError, NotReady) as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot continue: {error}") from None


class NotReady(Exception):
    """The service did not become ready in time."""


def _check_port(port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise Failure(
                f"port {port} cannot be used ({error.strerror}): stop the process that listens on "
                "it, or choose another with --port"
            ) from None


def _wait_until_ready(supervisor: Supervisor, port: int, data_dir: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not supervisor.stopping and not _is_ready(port):
        if time.monotonic() > deadline:
            raise NotReady(
                f"the service is not ready after {READY_SECONDS} s: see {data_dir / 'logs'} and "
                "`swapgate doctor`"
            )
        supervisor.poll()
        time.sleep(0.05)


def _is_ready(port: int) -> bool:
    """Return whether calls can succeed: here the dependencies are processes of the same service."""
    try:
        for path in HEALTH[1:]:
            with urlopen(f"http://{HOST}:{port}{path}", timeout=2) as response:
                if response.status != 200:
                    return False
    except (URLError, OSError):
        return False
    return True


def _print_event(event: Event) -> None:
    if event.kind in (EventKind.DIED, EventKind.RESTARTED):
        err.print(f"{event.name} {event.kind.value}", event.detail, markup=False)


def _print_locations(port: int, data_dir: Path, instance: Instance, *, seconds: float) -> None:
    base = f"http://{HOST}:{port}"
    out.print(f"[bold green]Swapgate is ready[/] after {seconds:.1f} s. Ctrl-C stops it.")
    for name, location in _locations(base, data_dir, instance):
        out.print(f"  {name:<10} {location}", markup=False, highlight=False, soft_wrap=True)


def _locations(base: str, data_dir: Path, instance: Instance) -> Iterator[tuple[str, str]]:
    yield "API", f"{base}/v1"
    yield "docs", f"{base}/docs"
    yield "health", ", ".join(f"{base}{path}" for path in HEALTH)
    if instance.sandbox:
        yield "metrics", f"{base}/metrics"
        yield "demo keys", str(data_dir / DEMO_FILE)
    yield "logs", str(data_dir / "logs")
    yield "next", "swapgate partner list, swapgate order list, swapgate doctor"
