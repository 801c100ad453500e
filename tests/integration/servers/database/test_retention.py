"""`swapgate retention` archives what the policy no longer keeps: nothing is lost, nothing twice."""

import asyncio
import csv
import gzip
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest

from cabinet_htmx.partner.messages import EVENT_ARCHIVED, error_message
from domain.actions.operator.retention.archive import archive_old_partitions
from domain.actions.operator.retention.policy import (
    Archived,
    PlannedPartition,
    Policy,
    RetentionPorts,
    plan,
)
from domain.errors import EventArchived, InvalidCommand
from domain.ids import first_id_at
from gateway.errors import error_response
from gateway.runtime.clock import new_id
from gateway.wiring.database import migrate
from persistence.postgres.partitions import retention
from persistence.postgres.partitions.retention import PostgresPartitions
from persistence.postgres.webhooks.events import read_event
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator
from tests.support.databases import database

EVENTS = 20
LATER = datetime.now(UTC) + timedelta(days=200)
"""When the first partition, with all that tests store, is older than a policy of one month."""

STORE = """
INSERT INTO webhook_events (id, partner_id, position, type, dedup_key, body, status, due_at,
  created_at, finished_at)
SELECT first_id_at(now() + n * interval '1 second'), p.id, n, 'webhook.test', 'test:a "b"' || n,
  decode('01ff00', 'hex'), 'delivered', now(), now(), now()
FROM generate_series(1, %s) AS n, partners p WHERE p.email = 'owner@example.org'
"""
STORE_ATTEMPTS = """
INSERT INTO webhook_attempts (event_id, attempt, started_at, latency_ms, http_status, response_body)
SELECT id, 1, now(), 7, 200, E'line 1\\nline, 2' FROM webhook_events
"""
ROWS = ("webhook_events", "webhook_attempts")


class Clock:
    def __init__(self, now: datetime = LATER) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    """Return an installation with delivered events of the first partition."""
    operator = new_operator(database_urls, servers, tmp_path)
    operator.partner(email="owner@example.org")
    operator.sql(STORE, EVENTS)
    operator.sql(STORE_ATTEMPTS)
    return operator


def ports_of(
    operator: Operator, archive: Path | None, *, policy: Policy | None = None
) -> RetentionPorts:
    return RetentionPorts(
        PostgresPartitions(operator.urls.owner, archive), policy or Policy(webhooks=1), Clock()
    )


def planned(ports: RetentionPorts) -> Sequence[PlannedPartition]:
    return asyncio.run(plan(ports))


def archive_now(ports: RetentionPorts) -> Sequence[Archived]:
    return asyncio.run(archive_old_partitions(ports))


def rows_of(operator: Operator) -> dict[str, list[str]]:
    """Return the rows of both tables as CSV writes them, without their header."""
    stored = {}
    with psycopg.connect(operator.urls.owner) as connection, connection.cursor() as cursor:
        for name in ROWS:
            with cursor.copy(
                f"COPY (SELECT * FROM {name} ORDER BY 1) TO STDOUT CSV".encode()
            ) as copy:
                stored[name] = b"".join(bytes(chunk) for chunk in copy).decode()
    return {
        name: sorted(map(repr, csv.reader(text.splitlines(True)))) for name, text in stored.items()
    }


def archived_rows(archive: Path) -> dict[str, list[str]]:
    """Return the rows of all files of an archive, by table, and check their manifests."""
    found: dict[str, list[str]] = {name: [] for name in ROWS}
    for manifest in archive.glob("*.json"):
        document = msgspec.json.decode(manifest.read_bytes())
        path = archive / f"{document['partition']}.csv.gz"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == document["sha256"]
        with gzip.open(path, "rt", newline="") as text:
            header, *rows = list(csv.reader(text))
        assert header == document["columns"]
        assert len(rows) == document["rows"]
        found[document["table"]] += map(repr, rows)
    return {name: sorted(rows) for name, rows in found.items()}


def test_without_a_policy_everything_is_kept(operator: Operator, tmp_path: Path) -> None:
    ports = ports_of(operator, tmp_path, policy=Policy())
    assert {one.reason for one in planned(ports)} == {"everything is kept"}
    assert archive_now(ports) == []


def test_what_is_older_than_the_policy_becomes_files_and_leaves_the_database(
    operator: Operator, tmp_path: Path
) -> None:
    stored, archive = rows_of(operator), tmp_path / "archive"
    archive.mkdir()
    going = [one.partition for one in planned(ports_of(operator, None)) if one.goes]
    assert going == ["webhook_attempts_first", "webhook_events_first"]
    archived = archive_now(ports_of(operator, archive))
    assert [one.partition for one in archived] == going
    assert archived_rows(archive) == stored
    assert all(len(rows) == EVENTS for rows in stored.values())
    assert rows_of(operator) == {name: [] for name in ROWS}
    assert operator.sql("SELECT to_regclass('webhook_events_first')") == [(None,)]
    assert operator.json("reconcile") == {"differences": []}
    assert archive_now(ports_of(operator, archive)) == []


def test_an_archived_event_can_neither_be_read_nor_sent_again(
    operator: Operator, tmp_path: Path
) -> None:
    ((event,),) = operator.sql("SELECT id FROM webhook_events LIMIT 1")
    archive_now(ports_of(operator, tmp_path))
    for command in ("show", "replay"):
        message = operator.error("webhooks", command, str(event))
        assert "events of its time were archived" in message
    unknown = first_id_at(LATER)
    assert "archived" not in operator.error("webhooks", "show", str(unknown))


async def test_a_partner_is_told_that_an_event_was_archived(
    operator: Operator, tmp_path: Path
) -> None:
    ((event, partner),) = operator.sql("SELECT id, partner_id FROM webhook_events LIMIT 1")
    await archive_old_partitions(ports_of(operator, tmp_path))
    async with database(operator.urls.gateway) as gateway:
        with pytest.raises(EventArchived) as caught:
            await read_event(gateway, event, partner_id=partner)
    assert error_message(caught.value) is EVENT_ARCHIVED
    assert error_response(caught.value).status == 404


def test_the_books_agree_after_events_of_orders_were_archived(
    operator: Operator, tmp_path: Path
) -> None:
    for name in reversed(ROWS):
        operator.sql(f"DELETE FROM {name}")
    operator.publish_rates()
    order = operator.order(id=new_id())
    operator.sql("UPDATE partners SET webhook_url = 'https://wallet.example/hook'")
    for step in ("deposit", "confirm", "payout"):
        operator.json("sandbox", step, order)
    operator.sql(
        "UPDATE webhook_events SET status = 'delivered', finished_at = now() WHERE order_id = %s",
        order,
    )
    operator.sql(
        "INSERT INTO webhook_attempts (event_id, attempt, started_at, latency_ms, http_status)"
        " SELECT id, 1, now(), 7, 200 FROM webhook_events WHERE order_id = %s",
        order,
    )
    assert operator.json("reconcile") == {"differences": []}
    archived = {one.partition: one.rows for one in archive_now(ports_of(operator, tmp_path))}
    assert archived["webhook_events_first"] == 3
    assert operator.json("reconcile") == {"differences": []}


def test_months_of_the_audit_trails_are_archived_by_their_own_policy(
    operator: Operator, tmp_path: Path
) -> None:
    operator.json("maintenance", "on")
    migrate(operator.urls.owner)
    names = ("audit_log", "operator_action_outcomes", "operator_actions")
    archived = archive_now(ports_of(operator, tmp_path, policy=Policy(audit=1)))
    # The first partition, and the months that were created after it.
    assert [one.partition for one in archived[:3]] == [f"{name}_first" for name in names]
    assert archived[2].rows == 1
    assert len(archived) > 3
    assert len(rows_of(operator)["webhook_events"]) == EVENTS
    migrate(operator.urls.owner)
    operator.json("maintenance", "off")
    assert [row["parameters"]["to"] for row in operator.json("audit", "list")] == ["off"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "UPDATE webhook_events SET status = 'pending', finished_at = NULL WHERE position = 7",
            "it has events that are not delivered yet",
        ),
        (
            "UPDATE webhook_events SET order_id = '{order}' WHERE position = 7",
            "it has events of orders that have not ended",
        ),
    ],
)
def test_what_is_not_finished_stays_with_its_month(
    operator: Operator, tmp_path: Path, change: str, reason: str
) -> None:
    operator.sql(change.format(order=operator.order()))
    before = rows_of(operator)
    ports = ports_of(operator, tmp_path)
    reasons = {one.partition: one.reason for one in planned(ports) if one.end < LATER}
    assert reasons["webhook_events_first"] == reasons["webhook_attempts_first"] == reason
    assert archive_now(ports) == []
    assert not asyncio.run(
        ports.repository.detach(["webhook_attempts_first", "webhook_events_first"])
    )
    assert rows_of(operator) == before


def test_an_archive_that_differs_from_what_was_recorded_is_written_again(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = rows_of(operator)
    ports = ports_of(operator, tmp_path)

    def fail(*_: object) -> None:
        raise InvalidCommand("not now")

    with monkeypatch.context() as patched:
        patched.setattr(retention, "_with_locks", fail_at_drop(retention._with_locks))
        with pytest.raises(InvalidCommand):
            archive_now(ports)
    damaged = tmp_path / "webhook_attempts_first.csv.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    archive_now(ports)
    assert archived_rows(tmp_path) == stored


class Killed(BaseException):
    """Ends a run wherever it is, as SIGKILL does: what runs while it is raised writes nothing."""


def fail_at_drop(original: Callable[..., object]) -> Callable[..., object]:
    """Let the first transaction pass, which detaches, and none of those that drop."""
    calls = iter([True])

    def call(*arguments: object) -> object:
        if next(calls, False):
            return original(*arguments)
        raise InvalidCommand("the run ends here")

    return call


def test_a_run_that_is_killed_anywhere_is_continued_by_the_next(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored, ports = rows_of(operator), ports_of(operator, tmp_path)
    remaining, kills = 0, 0
    steps = [
        *((psycopg.Connection, "execute"), (psycopg.Cursor, "copy"), (os, "fsync")),
        (Path, "replace"),
    ]
    for owner, name in steps:
        original = getattr(owner, name)

        def step(
            *arguments: object, _original: Callable[..., object] = original, **more: object
        ) -> object:
            nonlocal remaining
            remaining -= 1
            if remaining == 0:
                raise Killed
            return _original(*arguments, **more)

        monkeypatch.setattr(owner, name, step)
    while kills < 100:
        # Each run gets a little further than the one before, which may have undone nothing.
        remaining = kills % 40 + 1
        try:
            archive_now(ports)
        except Killed:
            kills += 1
            continue
        if remaining > 0:
            break
    remaining = 0
    assert kills > 10
    assert archived_rows(tmp_path) == stored
    assert rows_of(operator) == {name: [] for name in ROWS}
    assert not list(tmp_path.glob("*.unfinished"))


KILLED_AT = """
import asyncio, os, pathlib, psycopg, signal, sys
from datetime import datetime, UTC, timedelta
from domain.actions.operator.retention.archive import archive_old_partitions
from domain.actions.operator.retention.policy import Policy, RetentionPorts
from persistence.postgres.partitions.retention import PostgresPartitions

url, archive, remaining = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])

class Clock:
    def now(self):
        return datetime.now(UTC) + timedelta(days=200)

def killing(original):
    def step(*arguments, **more):
        global remaining
        remaining -= 1
        if remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **more)
    return step

psycopg.Connection.execute = killing(psycopg.Connection.execute)
os.fsync = killing(os.fsync)
pathlib.Path.replace = killing(pathlib.Path.replace)
ports = RetentionPorts(PostgresPartitions(url, archive), Policy(webhooks=1), Clock())
asyncio.run(archive_old_partitions(ports))
"""


@pytest.mark.slow
def test_a_process_that_is_killed_anywhere_is_continued_by_the_next(
    operator: Operator, tmp_path: Path
) -> None:
    stored, kills, done = rows_of(operator), 0, False
    while not done:
        arguments = [operator.urls.owner, str(tmp_path), str(kills + 1)]
        ended = subprocess.run([sys.executable, "-c", KILLED_AT, *arguments], check=False)
        done = ended.returncode == 0
        assert done or ended.returncode == -signal.SIGKILL
        kills += not done
    assert kills > 10
    assert archived_rows(tmp_path) == stored
    assert rows_of(operator) == {name: [] for name in ROWS}
    assert operator.sql("SELECT count(*) FROM archived_partitions") == [(2,)]


def test_the_command_changes_nothing_without_apply_and_is_recorded_with_it(
    operator: Operator, tmp_path: Path
) -> None:
    assert {row["goes"] for row in operator.json("retention")} == {False}
    assert "existing directory" in operator.error("retention", "--apply")
    assert operator.sql("SELECT action FROM operator_actions WHERE action = 'retention'") == []
    assert operator.json("retention", "--apply", "--archive", str(tmp_path)) == []
    ((subject,),) = operator.sql("SELECT subject FROM operator_actions WHERE action = 'retention'")
    assert subject == "retention"
