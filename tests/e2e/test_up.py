"""`swapgate up`: starts without any setup, reports errors in one sentence, and stops cleanly."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import psycopg
import pytest
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from feeds.rates import metrics as rates_metrics
from feeds.settlement import metrics as settlement_metrics
from tests.conftest import (
    METRICS_OF_UP,
    SWAPGATE,
    DatabaseUrls,
    Running,
    Servers,
    free_port,
    start_up,
    stop,
)
from tests.support.clients.partner import order_request, quote_request, send
from tests.support.telemetry.promql import expressions, missing, uses
from tests.support.waiting import wait_until

METRICS_PORT = next(METRICS_OF_UP)


def startup_error(data_dir: Path, *arguments: str) -> str:
    """Run an `up` that must fail to start; return its error output."""
    done = subprocess.run(
        [*SWAPGATE, "up", "--data-dir", str(data_dir), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def remaining_processes(data_dir: Path) -> list[str]:
    """Return the command lines of processes that use a data directory."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            home = str((process / "cwd").readlink())
        except OSError:
            continue
        if str(data_dir) in command or home.startswith(str(data_dir)):
            commands.append(command)
    return commands


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start_up(
        tmp_path_factory.mktemp("one-worker") / "data",
        *("--workers", "1", "--metrics-port", str(METRICS_PORT)),
    )
    yield running
    stop(running)


def test_a_port_in_use_is_named_in_the_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        error = startup_error(tmp_path / "data", "--port", str(port))
    assert f"Port {port} cannot be used (Address already in use)" in error
    assert "--port" in error


def test_a_directory_that_cannot_be_created_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = startup_error(tmp_path / "file" / "data", "--port", str(free_port()))
    assert "cannot be written" in error
    assert str(tmp_path / "file") in error


def test_a_directory_of_another_postgresql_version_is_not_changed(tmp_path: Path) -> None:
    other_version = tmp_path / "data" / "postgres" / "data"
    other_version.mkdir(parents=True)
    (other_version / "PG_VERSION").write_text("15\n")
    error = startup_error(tmp_path / "data", "--port", str(free_port()))
    assert "was created by PostgreSQL 15" in error
    assert [path.name for path in other_version.iterdir()] == ["PG_VERSION"]


def test_an_unreadable_demo_file_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo.json").write_text("{")
    assert "demo.json" in startup_error(tmp_path / "data", "--port", str(free_port()))


def test_a_second_up_on_a_directory_is_rejected_and_the_first_keeps_running(
    running: Running,
) -> None:
    error = startup_error(running.data_dir, "--port", str(free_port()))
    assert f"Another `swapgate up` (process {running.process.pid})" in error
    assert send(f"{running.base_url}/readyz", method="GET").status == 200


@pytest.mark.slow
def test_the_demo_file_is_private_and_kept_across_restarts(tmp_path: Path) -> None:
    first = start_up(tmp_path / "data", "--workers", "1")
    demo = first.demo()
    assert (first.data_dir / "demo.json").stat().st_mode & 0o777 == 0o600
    assert demo.base_url == first.base_url
    first.partner().until(0, "/price", quote_request())  # Valkey may be slow just after a start
    assert first.partner().call("/price", quote_request()).data["markupBps"] == 50
    stop(first)
    second = start_up(tmp_path / "data", "--workers", "1")
    demo.base_url = second.base_url
    assert second.demo() == demo
    second.partner().until(0, "/price", quote_request())
    stop(second)


@pytest.mark.slow
def test_external_servers_are_used_if_their_urls_are_set(
    tmp_path: Path,
    servers: Servers,
    database_urls: DatabaseUrls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    external = {
        "SWAPGATE_DATABASE_URL": database_urls.superuser,
        "SWAPGATE_VALKEY_URL": servers.valkey.url,
    }
    running = start_up(tmp_path / "data", "--workers", "1", environment=external)
    try:
        assert not (running.data_dir / "postgres").exists()
        assert not (running.data_dir / "valkey").exists()
        running.partner().until(0)
        assert running.partner().call("/create", order_request()).data["status"] == "NEW"
        with psycopg.connect(database_urls.owner) as connection:
            assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)
        assert len(running.json("order", "list")) == 1
        monkeypatch.setenv("SWAPGATE_DATABASE_URL", database_urls.superuser)
        assert len(running.json("order", "list")) == 1, (
            "`order list` uses the same variables as `up`"
        )
    finally:
        stop(running)


def test_live_mode_rejects_the_database_owners_login(
    tmp_path: Path,
    servers: Servers,
    database_urls: DatabaseUrls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SWAPGATE_DATABASE_URL", database_urls.superuser)
    monkeypatch.setenv("SWAPGATE_VALKEY_URL", servers.valkey.url)
    monkeypatch.setenv("SWAPGATE_RATES", "exchanges")
    error = startup_error(tmp_path / "data", "--port", str(free_port()), "--no-sandbox")
    assert "The database role postgres is a superuser" in error


def test_live_mode_needs_a_source_of_prices(tmp_path: Path) -> None:
    """Otherwise the sandbox's made-up prices would be paid."""
    error = startup_error(tmp_path / "data", "--port", str(free_port()), "--no-sandbox")
    assert "SWAPGATE_RATES is not set" in error


@pytest.mark.slow
def test_a_database_never_changes_between_sandbox_and_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(start_up(tmp_path / "play", "--workers", "1"))
    monkeypatch.setenv("SWAPGATE_RATES", "sandbox")
    error = startup_error(tmp_path / "play", "--port", str(free_port()), "--no-sandbox")
    assert "The database belongs to a sandbox" in error
    real = start_up(tmp_path / "real", "--workers", "1", "--no-sandbox")
    instance = json.loads((real.data_dir / "instance.json").read_bytes())
    with psycopg.connect(instance["ownerDatabaseUrl"], autocommit=True) as owner:
        owner.execute(
            "INSERT INTO pay_in_accounts (network, kind, public_key)"
            " VALUES ('Bitcoin', 'bip84', 'xpub')"
        )
    stop(real)
    error = startup_error(tmp_path / "real", "--port", str(free_port()))
    assert "The database does not belong to a sandbox" in error


def test_health_readiness_and_metrics_endpoints_respond(running: Running) -> None:
    assert send(f"{running.base_url}/healthz", method="GET").json() == {"ok": True}
    ready = send(f"{running.base_url}/readyz", method="GET").json()
    assert ready["ok"]
    assert set(ready["checks"]) == {"accepting", "migrations", "catalogue", "partners", "rates"}
    shared = send(f"{running.base_url}/healthz/dependencies", method="GET").json()
    assert shared["ok"]
    assert set(shared["dependencies"]) == {"database", "migrations", "commits", "valkey", "rates"}
    wait_until(lambda: running.partner().call("/price", quote_request()).code, (0).__eq__)

    def metrics() -> str:
        return send(f"{running.base_url}/metrics", method="GET").body.decode()

    # counted in the worker, and published a moment later
    wait_until(metrics, lambda text: 'swapgate_calls_total{call="price",code="0"} 1.0' in text)


def exported() -> dict[str, frozenset[str]]:
    """Return the labels of each series that the processes export, by its name.

    Networks and endpoints are the only labels of some: those are declared, but have no value yet.
    """
    series: dict[str, frozenset[str]] = {}
    for port in range(METRICS_PORT, METRICS_PORT + 4):
        for family in text_string_to_metric_families(metrics_at(port)):
            for name in names_of(family):
                own = {"le"} if name.endswith("_bucket") else set[str]()
                series[name] = series.get(name, declared_labels(family.name)) | own
            for sample in family.samples:
                series[sample.name] = series[sample.name] | set(sample.labels)
    return series


@pytest.mark.usefixtures("running")
def test_each_process_exports_metrics_of_its_own() -> None:
    """Those of another would be 0 forever, and alarms would fire."""
    by_process = [
        {
            family.name
            for family in text_string_to_metric_families(metrics_at(METRICS_PORT + number))
            if family.name.startswith("swapgate_") and not family.name.endswith("_created")
        }
        for number in range(4)
    ]
    shared_by_all = {"swapgate_database_wait_seconds"}
    assert all(names > shared_by_all for names in by_process)
    for one, other in combinations(by_process, 2):
        assert one & other == shared_by_all


def metrics_at(port: int) -> str:
    return send(f"http://127.0.0.1:{port}/metrics", method="GET").body.decode()


def names_of(family: Metric) -> list[str]:
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
    return [family.name + suffix for suffix in suffixes.get(family.type, [""])]


def declared_labels(family: str) -> frozenset[str]:
    """Return the labels of the object of settlement or of rates that has this name."""
    objects = [*vars(settlement_metrics).values(), *vars(rates_metrics).values()]
    return frozenset(
        label
        for one in objects
        if isinstance(one, MetricWrapperBase) and one._name == family
        for label in one._labelnames
    )


def test_every_metric_and_label_of_alerts_and_dashboards_is_exported(running: Running) -> None:
    assert running.partner().call("/price", quote_request()).code == 0
    found = [use for expression in expressions() for use in uses(expression)]
    assert len(found) > 100
    wait_until(lambda: missing(found, exported()), [].__eq__)


def test_doctor_finds_no_problem_in_a_running_instance(running: Running) -> None:
    wait_until(
        lambda: json.loads(running.command("doctor", "--json").stdout), lambda report: report["ok"]
    )


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_up_stops_every_process_on_a_signal(
    running: Running, tmp_path: Path, number: signal.Signals
) -> None:
    if number is signal.SIGINT:  # the module's service was stopped by the other signal
        running = start_up(tmp_path / "data", "--workers", "1")
    assert remaining_processes(running.data_dir)
    running.process.send_signal(number)
    assert running.process.wait(60) == 0
    wait_until(lambda: remaining_processes(running.data_dir), [].__eq__)
    log = running.data_dir.with_name("data-up.log")
    assert log.read_text().rstrip().endswith("Stopping")
