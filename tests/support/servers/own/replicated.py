"""A PostgreSQL primary with a synchronous standby, one of which is killed and replaced."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from persistence.postgres.hosts import with_hosts
from tests.conftest import DatabaseUrls
from tests.support.servers.own.external import SUPERUSER_PASSWORD, WHEEL, ExternalPostgres
from tests.support.waiting import wait_until

SYNCHRONOUS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"

RESET = "ALTER SYSTEM RESET synchronous_standby_names"


class ReplicatedPostgres:
    """Two servers; `primary` is one of them, and the other follows it unless it was killed."""

    def __init__(self, directory: Path, binaries: Path = WHEEL) -> None:
        directory.mkdir()
        self.servers = tuple(
            ExternalPostgres(directory / str(number), binaries) for number in range(2)
        )
        self._processes: dict[ExternalPostgres, subprocess.Popen[bytes]] = {}
        self.primary, self.standby = self.servers

    @property
    def hosts(self) -> list[str]:
        return [f"127.0.0.1:{server.port}" for server in self.servers]

    def url(self, database: str = "postgres", *, role: str = "") -> str:
        """Return a URL of both servers, which leads to the primary and to a role there."""
        url = self.primary.url("postgres", SUPERUSER_PASSWORD, database)
        url = with_hosts(f"{url}?target_session_attrs=read-write", self.hosts)
        return f"{url}&options=-c%20role%3D{role}" if role else url

    def urls(self, database: str) -> DatabaseUrls:
        roles = ("admin", "gateway", "settlement")
        return DatabaseUrls(
            owner=self.url(database),
            superuser=self.url(database),
            **{role: self.url(database, role=f"swapgate_{role}") for role in roles},
        )

    def start(self) -> None:
        self._processes[self.primary] = self.primary.start()
        wait_until(self.primary.is_ready, context=(self.primary.directory / "log").read_text)
        self.rebuild()

    def stop(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGINT)
        for process in self._processes.values():
            process.wait(30)

    def kill_primary(self) -> None:
        """Kill every process of the primary, as a loss of power does."""
        self.kill(self.primary)

    def kill(self, server: ExternalPostgres) -> None:
        self._signal(server, signal.SIGKILL)
        self._processes.pop(server).wait(30)
        _remove_shared_memory(server.data / "postmaster.pid")

    def freeze_primary(self) -> None:
        """Have every process of the primary hang, while its machine accepts connections."""
        self.suspend(self.primary)

    def suspend(self, server: ExternalPostgres) -> None:
        self._signal(server, signal.SIGSTOP)

    def resume(self, server: ExternalPostgres) -> None:
        self._signal(server, signal.SIGCONT)

    def shut_down(self, server: ExternalPostgres) -> None:
        """Have a server end by itself, without waiting for its clients."""
        process = self._processes.pop(server)
        process.send_signal(signal.SIGINT)
        process.wait(60)

    def run_standby(self) -> None:
        """Run the standby again, which continues from what it has."""
        self._processes[self.standby] = self.standby.run()

    def _signal(self, server: ExternalPostgres, number: signal.Signals) -> None:
        pid = self._processes[server].pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(one, number)

    def promote(self) -> None:
        """Make the standby the primary."""
        self.standby.execute("SELECT pg_promote(true, 60)")
        self.primary, self.standby = self.standby, self.primary

    def return_of(self, former: ExternalPostgres) -> None:
        """Run a server that was killed as the primary that it was, without a standby."""
        self._processes[former] = former.run()
        wait_until(former.is_ready, context=(former.directory / "log").read_text)
        if former is self.standby:
            self.primary, self.standby = self.standby, self.primary
        former.execute(RESET, "SELECT pg_reload_conf()")

    def rebuild(self, *, synchronous: bool = True) -> None:
        """Have the other server follow the primary, whose commits then wait for it."""
        if self.standby in self._processes:
            self.kill(self.standby)
        # A copy of the setting would have the standby wait for one of its own once it is promoted.
        self.primary.execute(RESET, "SELECT pg_reload_conf()")
        self._processes[self.standby] = self.standby.start_as_standby_of(self.primary)
        log = (self.standby.directory / "log").read_text
        wait_until(self.standby.is_ready, context=log, seconds=60)
        if synchronous:
            self.primary.execute(
                "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"
            )
            wait_until(self.is_synchronous, context=log, seconds=60)

    def is_synchronous(self) -> bool:
        return bool(self.primary.value(SYNCHRONOUS) == 1)


def _remove_shared_memory(pid_file: Path) -> None:
    """Remove the segment of a killed server, which only a restart in its directory would."""
    with suppress(OSError, IndexError):
        segment = pid_file.read_text().splitlines()[6].split()[1]
        subprocess.run(["ipcrm", "--shmem-id", segment], check=False, capture_output=True)


@contextmanager
def replicated_postgres(directory: Path, binaries: Path = WHEEL) -> Iterator[ReplicatedPostgres]:
    """Run a primary and its synchronous standby."""
    servers = ReplicatedPostgres(directory, binaries)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()
