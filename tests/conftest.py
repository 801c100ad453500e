"""Real servers: one PostgreSQL and one Valkey per test process, a new database per test."""

import gc
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen
from uuid import uuid4

import hypothesis
import msgspec
import psycopg
import pytest
import structlog
import typer.main
import typer.testing
from xdist.scheduler import LoadScopeScheduling

from persistence.embedded.access import SUPERUSER
from persistence.embedded.postgres import EmbeddedPostgres
from persistence.embedded.server import start_together
from persistence.embedded.valkey import EmbeddedValkey
from persistence.postgres.migrate import apply_migrations
from tests.support.clients.command import invoke_in_thread
from tests.support.clients.partner import Demo, Partner, quote_request
from tests.support.waiting import ALL_WORKERS, wait_until

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
"""How long an example takes depends on the machine: time is measured in bench/, not in tests."""

structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
"""Tracebacks with all local variables take a third of a second each."""

typer.testing.__dict__["_get_command"] = cache(typer.main.get_command)
"""typer would build all commands, in some 20 ms, each time that a test runs one."""

SHARED = {
    "tests/attacks/": "attacks",
    "tests/browser/": "pages",
    "tests/contract/api/": "api",
    "tests/contract/limited/": "limited",
    "tests/contract/": "calls",
    "tests/clients/": "pages",
    "tests/e2e/nodes/": "nodes",
    "tests/e2e/test_bench.py": "pages",
    "tests/e2e/test_docs_snippets.py": "pages",
    "tests/fuzz/": "pages",
    "tests/integration/servers/test_operator_live.py": "calls",
}
"""What uses one service; everything else shares at most the servers of its module."""

TEMPLATE = "swapgate_template"
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 << 30

SLOW_TEST_SECONDS = 600


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give each run a temporary directory of its own.

    Concurrent runs would share pytest's directory, and the second run resets its permissions. If
    the tests run as root, PostgreSQL runs as another user and loses access to its data directory.
    """
    if not hasattr(config, "workerinput") and config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="sg-", dir=memory_directory())
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def memory_directory() -> Path | None:
    """Return a file system in memory that can hold the servers' data; None without one.

    Copying a database there takes a tenth of the time that a disk takes.
    """
    with suppress(OSError):
        found = os.statvfs(MEMORY)
        if found.f_bavail * found.f_frsize >= MEMORY_NEEDED and not found.f_flag & os.ST_NOEXEC:
            return MEMORY
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time, which beside other tests they may need."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TEST_SECONDS))


def pytest_collection_finish() -> None:
    """Exempt what was collected from garbage collection, which would examine it again and again."""
    gc.freeze()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a folder or a module of tests to one process, so that its servers are started once.

    Tests are handed out in the order of their collection: long ones first, unit tests last.
    """
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = in_one_process
    return scheduler


def in_one_process(test: str) -> str:
    path = test.partition("::")[0]
    return next((name for folder, name in SHARED.items() if path.startswith(folder)), path)


def permit_damage(postgres: EmbeddedPostgres) -> None:
    """Let the tables' owner damage data as if there were no triggers, and see all statements."""
    with psycopg.connect(postgres.url(user=SUPERUSER), autocommit=True) as connection:
        connection.execute("GRANT SET ON PARAMETER session_replication_role TO swapgate_owner")
        connection.execute("GRANT pg_read_all_stats TO swapgate_owner")


class Servers(msgspec.Struct, frozen=True):
    """The running servers of this test process."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    directory = tmp_path_factory.mktemp("servers")
    postgres = EmbeddedPostgres(directory / "postgres", durable=False)
    valkey = EmbeddedValkey(directory / "valkey")
    start_together(postgres, valkey)
    postgres.create_database(TEMPLATE)
    apply_migrations(postgres.url(database=TEMPLATE))
    permit_damage(postgres)
    yield Servers(postgres, valkey)
    valkey.stop()
    postgres.stop()


class DatabaseUrls(msgspec.Struct, frozen=True):
    """URLs of a migrated database used by one test, one per role."""

    owner: str
    admin: str
    gateway: str
    settlement: str
    superuser: str = ""


@pytest.fixture
def database_urls(servers: Servers) -> Iterator[DatabaseUrls]:
    name = f"test_{uuid4().hex}"
    servers.postgres.create_database(name, template=TEMPLATE)
    yield DatabaseUrls(
        owner=servers.postgres.url(database=name),
        admin=servers.postgres.url(user="swapgate_admin", database=name),
        gateway=servers.postgres.url(user="swapgate_gateway", database=name),
        settlement=servers.postgres.url(user="swapgate_settlement", database=name),
        superuser=servers.postgres.url(user=SUPERUSER, database=name),
    )
    servers.postgres.drop_database(name)


class Running(msgspec.Struct, frozen=True):
    """A running `swapgate up`."""

    base_url: str
    data_dir: Path
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        return int(self.base_url.rpartition(":")[2])

    def demo(self) -> Demo:
        return msgspec.json.decode((self.data_dir / "demo.json").read_bytes(), type=Demo)

    def valkey_url(self) -> str:
        """Return the URL of the embedded server's owner, which no process has."""
        return EmbeddedValkey(self.data_dir / "valkey").url

    def partner(self) -> Partner:
        """Return the demo partner, whose weight per minute all tests share."""
        demo = self.demo()
        return Partner(self.base_url, demo.api_key, demo.api_secret)

    def new_partner(self) -> Partner:
        """Create a partner, whose weight no other test uses."""
        created = self.json("partner", "create", "--email", f"{uuid4().hex}@wallet.example")
        return Partner(
            self.base_url, str(created["apiKey"]), str(created["apiSecret"])
        ).until_active()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SWAPGATE, *arguments, "--data-dir", str(self.data_dir)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """Run a command in this process, quicker than in one of its own."""
        done = invoke_in_thread(*arguments, "--json", data_dir=self.data_dir)
        assert done.exit_code == 0, done.stderr
        return msgspec.json.decode(done.stdout)


FOR_TESTS = {
    "COLUMNS": "200",
    "SWAPGATE_UNSIGNED_QUOTES_PER_MINUTE": "1000000",
    "SWAPGATE_PUBLIC_ORDERS_PER_MINUTE": "1000000",
    "SWAPGATE_PUBLIC_ORDERS_PER_DAY": "1000000",
    "SWAPGATE_PUBLIC_ORDERS_OF_ALL_PER_MINUTE": "1000000",
    "SWAPGATE_PUBLIC_ORDERS_OF_ALL_PER_DAY": "1000000",
    "SWAPGATE_SIGN_IN_TRIES": "1000000",
    "SWAPGATE_SEND_DEADLINE_SECONDS": "4",
}
"""All tests call from one address, so its limits are raised. Deadlines are shorter."""

MAX_START_SECONDS = 180.0
"""A service initializes PostgreSQL and applies all migrations at its first start."""

PORTS_PER_PROCESS = 1_000
PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
FIRST_PORT = 10_000 + PROCESS * PORTS_PER_PROCESS
METRICS_PORTS = 100
PORTS = iter(
    random.sample(
        range(FIRST_PORT, FIRST_PORT + PORTS_PER_PROCESS - METRICS_PORTS),
        PORTS_PER_PROCESS - METRICS_PORTS,
    )
)
METRICS_OF_UP = iter(
    range(FIRST_PORT + PORTS_PER_PROCESS - METRICS_PORTS, FIRST_PORT + PORTS_PER_PROCESS, 4)
)
"""Of `up --metrics-port`, which uses four ports in a row."""

SWAPGATE = (sys.executable, "-m", "gateway")


def free_port() -> int:
    """Return a port for a server that is about to start.

    The system assigns higher ports to outgoing connections, which could take one before the server
    listens on it. Each test process has ports of its own.
    """
    for port in PORTS:
        with suppress(OSError), socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def start_up(
    data_dir: Path,
    *arguments: str,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Running:
    """Start `swapgate up` and wait until it is ready."""
    port = port or free_port()
    log = data_dir.with_name(f"{data_dir.name}-up.log")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*SWAPGATE, "up", "--port", str(port), "--data-dir", str(data_dir), *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, **FOR_TESTS, **(environment or {})},
        )
    running = Running(f"http://127.0.0.1:{port}", data_dir, process)
    try:
        wait_until(
            lambda: is_ready(running.base_url) or process.poll() is not None,
            consecutive=ALL_WORKERS,
            seconds=MAX_START_SECONDS,
            context=log.read_text,
        )
    except BaseException:
        stop(running)
        raise
    assert process.poll() is None, log.read_text()
    return running


def is_ready(base_url: str) -> bool:
    """Return whether a worker has loaded its data, and whether it can reach what it depends on."""
    return all(responds(f"{base_url}{path}") for path in ("/readyz", "/healthz/dependencies"))


def responds(url: str) -> bool:
    """Return whether a URL is served with status 200."""
    try:
        with urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def stop(running: Running) -> None:
    running.process.terminate()
    running.process.wait(60)


_shared: dict[str, Running] = {}
"""The running services that the present group of tests shares, by the name of their fixture."""


def shared(name: str, start: Callable[[], Running]) -> Running:
    """Return a service that the tests of a group share: started by the first one that needs it.

    It ends with the group: services that nobody uses any more would take half a core of the rest.
    """
    if name not in _shared:
        _shared[name] = start()
    return _shared[name]


def stop_shared() -> None:
    while _shared:
        _, running = _shared.popitem()
        stop(running)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the shared services after the last test of their group."""
    if nextitem is None or in_one_process(nextitem.nodeid) != in_one_process(item.nodeid):
        stop_shared()


def pytest_sessionfinish() -> None:
    """Stop the shared services also when the tests are interrupted."""
    stop_shared()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """The running service shared by all tests of a group that only send requests to it."""
    return shared("up", lambda: start_up(tmp_path_factory.mktemp("up") / "data"))


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """A service with refunds and fixed rates on, whose deposits advance only by command."""

    def start() -> Running:
        running = start_up(tmp_path_factory.mktemp("by-hand") / "data", "--no-auto-settle")
        try:
            for switch in ("refunds", "fixed-rates"):
                running.json(switch, "on")
            running.partner().until(0, "/price", quote_request(type="fixed"))
        except BaseException:
            stop(running)
            raise
        return running

    return shared("by_hand", start)
