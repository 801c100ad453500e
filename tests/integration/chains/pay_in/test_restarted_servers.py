"""A server that was restarted, put back or promoted assigns no address until it is confirmed."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from valkey import Valkey

from domain.history import DatabaseOnHold
from persistence.embedded.access import SUPERUSER
from persistence.embedded.postgres import EmbeddedPostgres
from persistence.postgres.migrate import apply_migrations
from persistence.valkey.history import KEY
from tests.conftest import Servers
from tests.support.clients.operator_command import Operator, new_operator
from tests.support.servers.restored import WHY, Installation, urls_of

AFTER = 4


class Machine:
    """A PostgreSQL server of its own, with a database that is migrated and was never used."""

    def __init__(self, directory: Path) -> None:
        self._data = directory / "postgres" / "data"
        self._backup = directory / "backup"
        self.postgres = EmbeddedPostgres(directory / "postgres", durable=False)
        self.postgres.start()
        apply_migrations(self.postgres.url())

    def restart(self) -> None:
        self.postgres.stop()
        self.postgres.start()

    def back_up(self) -> None:
        """Copy the data directory, as a snapshot of the disk does."""
        self.postgres.stop()
        _copy(self._data, self._backup)
        self.postgres.start()

    def put_back(self) -> None:
        self.postgres.stop()
        shutil.rmtree(self._data)
        _copy(self._backup, self._data)
        self.postgres.start()

    def promote(self) -> None:
        """Recover what the server has as a standby does, and continue on a new timeline."""
        with psycopg.connect(self.postgres.url(user=SUPERUSER), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET restore_command = 'false'")
            connection.execute("ALTER SYSTEM SET hot_standby = off")
        self.postgres.stop()
        signal = self._data / "recovery.signal"
        signal.touch()
        shutil.copystat(self._data / "PG_VERSION", signal)
        owner = (self._data / "PG_VERSION").stat()
        shutil.chown(signal, owner.st_uid, owner.st_gid)
        self.postgres.start()


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    yield machine
    machine.postgres.stop()


@pytest.fixture
def installation(machine: Machine, servers: Servers, tmp_path: Path) -> Installation:
    name = f"test_{uuid4().hex}"
    machine.postgres.create_database(name, template="swapgate")
    urls = urls_of(machine.postgres, name)
    installation = Installation(new_operator(urls, servers, tmp_path, sandbox=False))
    installation.settle()
    return installation


def state_that_writes_wait_for_a_standby(operator: Operator) -> None:
    """Have the last confirmation say so; there is no standby that they could wait for."""
    operator.sql(
        "UPDATE database_history SET synchronous = true,"
        " confirmed_xid = pg_current_xact_id()::text::bigint"
    )
    with Valkey.from_url(operator.valkey_url) as client:
        marker = client.get(KEY)
        assert isinstance(marker, bytes)
        client.set(KEY, marker.replace(b'"synchronous":false', b'"synchronous":true'))


def lose_valkey(operator: Operator) -> None:
    with Valkey.from_url(operator.valkey_url) as client:
        client.flushdb()


def test_writes_lost_by_the_server_are_found_and_no_address_is_issued_twice(
    machine: Machine, installation: Installation
) -> None:
    before = installation.create(AFTER)
    machine.back_up()
    installation.settle()
    after = installation.create(AFTER)
    installation.settle()
    machine.put_back()

    assert installation.refuses_creates()
    assert "put back to an earlier state" in installation.problem()
    machine.restart()
    lose_valkey(installation.operator)
    assert "put back to an earlier state" in installation.problem()
    assert installation.refuses_creates()

    (done,) = installation.deal_with_restore().values()
    assert done["retired"] != 0
    installation.settle()
    assert installation.create(2 * AFTER) & (before | after) == set()


def test_a_restarted_server_assigns_addresses_once_settlement_has_confirmed_it(
    machine: Machine, installation: Installation
) -> None:
    before = installation.create(AFTER)
    installation.settle()
    machine.restart()
    assert installation.refuses_creates()
    health = installation.health()
    assert (health["ok"], "swapgate settlement" in str(health["advice"])) == (False, True)
    installation.settle()
    assert len(installation.create(AFTER) - before) == AFTER

    machine.restart()
    lose_valkey(installation.operator)
    installation.settle()
    assert len(installation.create(AFTER)) == AFTER, "Valkey is disposable"


def test_a_promoted_server_is_on_hold_unless_its_standby_was_synchronous(
    machine: Machine, installation: Installation
) -> None:
    before = installation.create(AFTER)
    installation.settle()
    state_that_writes_wait_for_a_standby(installation.operator)
    machine.promote()
    assert installation.refuses_creates()
    installation.settle()
    second = installation.create(AFTER)
    assert len(second - before) == AFTER

    machine.promote()
    assert installation.refuses_creates()
    with pytest.raises(DatabaseOnHold, match="a standby was promoted"):
        installation.settle()
    installation.deal_with_restore()
    installation.settle()
    assert installation.create(AFTER) & (before | second) == set()
    installation.settle()

    state_that_writes_wait_for_a_standby(installation.operator)
    lose_valkey(installation.operator)
    machine.promote()
    with pytest.raises(DatabaseOnHold, match="a standby was promoted"):
        installation.settle()
    installation.operator.json("pay-in", "restored", "--complete", *WHY)
    installation.settle()
    assert len(installation.create(AFTER)) == AFTER
