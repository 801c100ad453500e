"""Embedded PostgreSQL and Valkey survive crashes, and report clearly why they cannot start."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import psqlpy
import psycopg
import pytest
import valkey
from yoyo import get_backend

from persistence.embedded import processes
from persistence.embedded import server as embedded_server
from persistence.embedded.errors import (
    DataDirGone,
    DataDirInUse,
    DataDirNotWritable,
    EmbeddedError,
    OtherPostgresVersion,
    ServerDidNotStart,
)
from persistence.embedded.lock import DataDirLock
from persistence.embedded.postgres import EmbeddedPostgres
from persistence.embedded.server import STOP_SECONDS, EmbeddedServer, start_together
from persistence.embedded.valkey import EmbeddedValkey
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

ROOT = Path(__file__).parents[3]

OWNER = """\
import sys, time
from pathlib import Path
from persistence.embedded.lock import DataDirLock
from persistence.embedded.postgres import EmbeddedPostgres
from persistence.embedded.server import start_together
from persistence.embedded.valkey import EmbeddedValkey
directory = Path(sys.argv[1])
with DataDirLock(directory):
    postgres = EmbeddedPostgres(directory / "postgres", durable=False)
    start_together(postgres, EmbeddedValkey(directory / "valkey"))
    print("ready", flush=True)
    time.sleep(600)
"""

ACCOUNT = """\
import sys
from pathlib import Path
from persistence.embedded import postgres
postgres.SYSTEM_USER = sys.argv[1]
print(postgres.EmbeddedPostgres(Path(sys.argv[2]))._account().pw_uid)
"""


class ServerFactory:
    """Makes servers and stops them when the test ends."""

    def __init__(self) -> None:
        self._servers: list[EmbeddedServer] = []

    def postgres(self, directory: Path, *, durable: bool = False) -> EmbeddedPostgres:
        server = EmbeddedPostgres(directory, durable=durable)
        self._servers.append(server)
        return server

    def valkey(self, directory: Path) -> EmbeddedValkey:
        server = EmbeddedValkey(directory)
        self._servers.append(server)
        return server

    def stop(self) -> None:
        for server in self._servers:
            server.stop()
            socket_file = server._directory / "socket-directory"
            if socket_file.exists():
                Path(socket_file.read_text()).rmdir()


@pytest.fixture
def make() -> Iterator[ServerFactory]:
    factory = ServerFactory()
    yield factory
    factory.stop()


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server._data / "postmaster.pid").read_text().splitlines()[0])


def run_sql(server: EmbeddedPostgres, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def long_path(tmp_path: Path) -> Path:
    return tmp_path / ("deep" * 20) / ("er" * 20)


def test_postgres_keeps_its_data_when_the_postmaster_is_killed(
    make: ServerFactory, tmp_path: Path
) -> None:
    server = make.postgres(tmp_path / "pg", durable=True)
    server.start()
    run_sql(server, "CREATE TABLE kept AS SELECT 7 AS n")
    # A backend that is busy computing does not notice that its postmaster has ended.
    busy = threading.Thread(target=_count_endlessly, args=(server.url(),))
    busy.start()
    wait_until(lambda: _is_counting(server))

    os.kill(postmaster(server), signal.SIGKILL)
    wait_until(lambda: not server.is_running())
    with _within(seconds=STOP_SECONDS):  # does not wait for the backend to end by itself
        server.start()

    busy.join(timeout=MAX_WAIT_SECONDS)
    assert not busy.is_alive()
    assert run_sql(server, "SELECT n FROM kept") == [(7,)]


def _count_endlessly(url: str) -> None:
    with suppress(psycopg.OperationalError), psycopg.connect(url) as connection:
        connection.execute("SELECT count(*) FROM generate_series(1, 1000000000000) AS busy")


def _is_counting(server: EmbeddedPostgres) -> bool:
    running = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%AS busy'"
    return run_sql(server, running) == [(1,)]


def test_postgres_starts_despite_a_stale_pid_file_and_an_unfinished_initdb(
    make: ServerFactory, tmp_path: Path
) -> None:
    unfinished = tmp_path / "pg" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    server = make.postgres(tmp_path / "pg")
    server.start()
    server.stop()
    assert not server.is_running()

    # As after a restart of a container: the process id now belongs to another process.
    stale = server._data / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{server._data}\n1700000000\n5432\n\n\n  1  1\nready\n")
    server.start()

    assert postmaster(server) != os.getpid()


def test_postgres_listens_only_on_a_private_socket_and_is_durable_if_configured(
    make: ServerFactory, tmp_path: Path
) -> None:
    fast, durable = make.postgres(tmp_path / "a"), make.postgres(tmp_path / "b", durable=True)
    start_together(fast, durable)

    assert run_sql(durable, "SHOW listen_addresses") == [("",)]
    assert run_sql(durable, "SHOW max_connections") == [("200",)]
    assert run_sql(durable, "SHOW fsync") == [("on",)]
    assert run_sql(fast, "SHOW fsync") == [("off",)]
    assert durable._data.stat().st_mode & 0o777 == 0o700
    assert durable._log.stat().st_mode & 0o777 == 0o600


def test_every_driver_accepts_the_url_even_with_a_long_path(
    make: ServerFactory, tmp_path: Path
) -> None:
    server = make.postgres(long_path(tmp_path) / "with space")
    with pytest.raises(EmbeddedError, match="never started"):
        server.url()
    server.start()

    async def query_with_psqlpy() -> list[dict[str, object]]:
        pool = psqlpy.ConnectionPool(dsn=server.url())
        async with pool.acquire() as connection:
            result = await connection.execute("SELECT current_database() AS name")
        pool.close()
        return result.result()

    assert asyncio.run(query_with_psqlpy()) == [{"name": "swapgate"}]
    assert run_sql(server, "SELECT current_database()") == [("swapgate",)]
    backend = get_backend(server.url().replace("postgresql:", "postgresql+psycopg:"))
    assert backend.execute("SELECT current_database()").fetchone() == ("swapgate",)
    backend.connection.close()


def test_databases_are_created_from_a_template_and_dropped_with_open_sessions(
    make: ServerFactory, tmp_path: Path
) -> None:
    server = make.postgres(tmp_path / "pg")
    server.start()
    run_sql(server, "CREATE TABLE kept AS SELECT 7 AS n")
    server.create_database('odd "name"', template="swapgate")
    connection = psycopg.connect(server.url(database='odd "name"'))
    assert connection.execute("SELECT n FROM kept").fetchone() == (7,)

    server.drop_database('odd "name"')

    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(server.url(database='odd "name"'))


def test_a_directory_of_another_postgres_version_is_rejected(tmp_path: Path) -> None:
    data = tmp_path / "pg" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")

    with pytest.raises(OtherPostgresVersion, match=r"by PostgreSQL 16, .* is PostgreSQL 18"):
        EmbeddedPostgres(tmp_path / "pg").start()


def test_the_error_of_a_server_that_cannot_start_includes_its_log(
    make: ServerFactory, tmp_path: Path
) -> None:
    server = make.postgres(tmp_path / "pg")
    server.start()
    server.stop()
    with (server._data / "postgresql.conf").open("a") as conf:
        conf.write("no_such_setting = 1\n")

    with pytest.raises(ServerDidNotStart, match="no_such_setting"):
        server.start()


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedValkey])
def test_an_unwritable_directory_is_rejected(tmp_path: Path, kind: type[EmbeddedServer]) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DataDirNotWritable, match="cannot be written: Not a directory"):
        kind(tmp_path / "file" / "server").start()
    with pytest.raises(DataDirNotWritable, match="cannot be written: File exists"):
        DataDirLock(tmp_path / "file").acquire()


def test_valkey_keeps_its_data_when_killed(make: ServerFactory, tmp_path: Path) -> None:
    server = make.valkey(tmp_path / "valkey with space")
    server.start()
    with valkey.Valkey.from_url(server.url) as client:
        client.set("kept", "yes")

    for pid in server._processes():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not server.is_running())
    server.start()

    with valkey.Valkey.from_url(server.url) as client:
        assert client.get("kept") == b"yes"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert client.config_get("port") == {"port": "0"}
    assert (server._directory / "valkey.sock").stat().st_mode & 0o777 == 0o700


def test_valkey_starts_with_a_truncated_append_only_file(
    make: ServerFactory, tmp_path: Path
) -> None:
    server = make.valkey(long_path(tmp_path))
    server.start()
    with valkey.Valkey.from_url(server.url) as client:
        client.set("first", "yes")
        client.set("last", "yes")
    server.stop()
    (tail,) = (server._directory / "appendonlydir").glob("*.incr.aof")
    os.truncate(tail, tail.stat().st_size - 3)

    server.start()

    with valkey.Valkey.from_url(server.url) as client:
        assert client.mget("first", "last") == [b"yes", None]


def test_servers_of_a_killed_owner_are_adopted(make: ServerFactory, tmp_path: Path) -> None:
    postgres, cache = make.postgres(tmp_path / "postgres"), make.valkey(tmp_path / "valkey")
    with _owner(tmp_path) as owner:
        with pytest.raises(DataDirInUse, match=f"process {owner.pid}") as error:
            DataDirLock(tmp_path).acquire()
        assert error.value.pid == owner.pid
        before = (postmaster(postgres), cache._processes())
        owner.kill()

    with DataDirLock(tmp_path):
        start_together(postgres, cache)

    assert (postmaster(postgres), cache._processes()) == before
    assert run_sql(postgres, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("fault", ["stopped", "without a socket"])
def test_an_unresponsive_valkey_is_replaced(
    make: ServerFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(embedded_server, "ADOPT_SECONDS", 0.1)
    stale = make.valkey(tmp_path / "valkey")
    stale.start()
    with valkey.Valkey.from_url(stale.url) as client:
        client.set("kept", "yes")
    (stale_pid,) = stale._processes()
    if fault == "stopped":
        os.kill(stale_pid, signal.SIGSTOP)
    else:
        (tmp_path / "valkey" / "valkey.sock").unlink()

    server = make.valkey(tmp_path / "valkey")
    with _within(seconds=STOP_SECONDS):
        server.start()

    (new_pid,) = server._processes()
    assert new_pid != stale_pid
    with valkey.Valkey.from_url(server.url) as client:
        assert client.get("kept") == b"yes"


@pytest.mark.parametrize("kind", ["postgres", "valkey"])
def test_a_server_whose_directory_was_removed_is_not_created_again_and_can_be_stopped(
    make: ServerFactory, tmp_path: Path, kind: str
) -> None:
    server: EmbeddedServer = getattr(make, kind)(tmp_path / "gone")
    server.start()
    process = server._process
    assert process is not None
    shutil.rmtree(tmp_path / "gone", ignore_errors=True)
    with pytest.raises(DataDirGone, match="was removed, and with it"):
        server.start()
    server.stop()
    assert process.returncode is not None
    assert not (tmp_path / "gone").exists()


def test_processes_are_found_without_proc(make: ServerFactory, tmp_path: Path) -> None:
    if not Path("/bin/ps").exists():
        pytest.skip("ps is not installed")
    server = make.valkey(tmp_path / "valkey")
    server.start()

    pids = processes.processes_by_arguments("valkey-server", tmp_path / "valkey")

    assert pids == server._processes()


@contextmanager
def _within(*, seconds: float) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


@contextmanager
def _owner(directory: Path) -> "Iterator[subprocess.Popen[str]]":
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(directory)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "ready\n"
            yield owner
        finally:
            owner.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
def test_concurrent_first_starts_as_root_create_the_system_user_once(tmp_path: Path) -> None:
    user = f"sg-{uuid4().hex[:12]}"
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", ACCOUNT, user, str(tmp_path / str(number))],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    try:
        ids = {start.communicate(timeout=MAX_WAIT_SECONDS)[0] for start in starts}
        assert ids == {f"{pwd.getpwnam(user).pw_uid}\n"}
    finally:
        subprocess.run(["userdel", user], check=False)
