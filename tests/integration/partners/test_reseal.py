"""Stored secrets are sealed again row by row; at every moment each one can be decrypted."""

import asyncio
import base64
import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from domain.actions.operator.keyring import KEEP, KeyRingPorts, Resealed, list_keys, reseal
from domain.partners.credentials import NewSecrets
from gateway.runtime.clock import SystemClock
from gateway.wiring.operator.keyring import KeyRingOnDisk
from persistence.keyring_file import LiveKeyRing, add_key, load_keyring, new_keyring
from persistence.postgres.partners.reseal import TABLES, PostgresSealedSecrets
from persistence.postgres.partners.secrets import PostgresSecretRepository
from persistence.postgres.pool import Database, Row
from tests.conftest import DatabaseUrls
from tests.support.builders.records import stored_partner
from tests.support.builders.sealed_secrets import check_secrets, fill

LONG_AGO = timedelta(days=40)
RING = msgspec.json.encode({"current": "k1", "keys": {"k1": base64.b64encode(b"0" * 32).decode()}})
"""The key of `stored_partner`."""


class Killed(BaseException):
    """The process has been killed."""


class MortalDatabase(Database):
    """A database whose caller is killed before or after its n-th statement."""

    statements_left = -1
    after = False

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        self.statements_left -= 1
        if not self.statements_left and not self.after:
            raise Killed
        rows = await super().fetch(sql, parameters)
        if not self.statements_left:
            raise Killed
        return rows


class World:
    """A key ring file, the database, and what `swapgate keyring` needs of them."""

    def __init__(self, urls: DatabaseUrls, directory: Path) -> None:
        self.urls = urls
        self.path = directory / "keyring.json"
        self.path.write_bytes(RING)
        self.path.chmod(0o600)
        self.clock = SystemClock()
        self.database = MortalDatabase(urls.admin)
        self.gateway = Database(urls.gateway)

    def ports(self, *, batch: int = 7) -> KeyRingPorts:
        secrets = PostgresSealedSecrets(self.database, LiveKeyRing(self.path), batch=batch)
        return KeyRingPorts(KeyRingOnDisk(self.path), secrets, self.clock, asyncio.sleep)

    def fill(self, partners: int, factors: int = 0) -> int:
        ring = load_keyring(self.path)
        fill(self.urls.owner, ring, partners, factors=factors)
        return check_secrets(self.urls.owner, ring)

    def rotate(self, *, ago: timedelta = timedelta()) -> str:
        return add_key(self.path, self.clock.now() - ago)

    async def reseal(self, *, keep: timedelta = KEEP) -> Resealed:
        return await reseal(self.ports(), keep=keep)

    def check(self) -> int:
        return check_secrets(self.urls.owner, load_keyring(self.path))

    async def counts(self) -> dict[str, int]:
        return {key.name: key.secrets for key in await list_keys(self.ports())}

    def own(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.urls.owner, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def world(database_urls: DatabaseUrls, tmp_path: Path) -> World:
    return World(database_urls, tmp_path)


def test_every_sealed_column_is_sealed_again(world: World) -> None:
    found = world.own(
        "SELECT table_name || '.' || column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name LIKE '%sealed'"
    )
    assert {row[0] for row in found} == {
        f"{table.name}.{column}" for table in TABLES for column in table.columns
    }


async def test_all_secrets_are_sealed_with_the_current_key_and_unchanged(world: World) -> None:
    total = world.fill(60, factors=20)
    name = world.rotate()

    done = await world.reseal()
    assert done == Resealed(resealed=total, unreadable=0, removed=[])
    assert await world.counts() == {"k1": 0, name: total}
    assert world.check() == total


async def test_sealing_again_a_second_time_changes_nothing(world: World) -> None:
    world.fill(20)
    world.rotate()
    await world.reseal()
    stored = world.own("SELECT p::text FROM partners p ORDER BY id")

    assert (await world.reseal()).resealed == 0
    assert world.own("SELECT p::text FROM partners p ORDER BY id") == stored


async def test_a_process_killed_at_any_statement_loses_nothing(world: World) -> None:
    total = world.fill(40, factors=9)
    chance = random.Random(14)
    kills = 0
    for _ in range(30):
        world.rotate(ago=LONG_AGO)
        world.database.after = chance.random() < 0.5
        world.database.statements_left = chance.randint(1, 30)
        try:
            await world.reseal()
        except Killed:
            kills += 1
        world.database.statements_left = -1
        assert world.check() == total
    assert kills > 15

    await world.reseal()
    assert await world.counts() == {world.ports().ring.read()[-1].name: total}


async def test_a_secret_replaced_meanwhile_is_not_overwritten(
    world: World,
) -> None:
    world.fill(30)
    partner = await stored_partner(world.database)
    ring = LiveKeyRing(world.path)
    secrets = PostgresSecretRepository(world.gateway, ring)
    assert await secrets.replace(
        partner.id, partner.id, NewSecrets("n" * 43, "v" * 43), generation=0
    )
    world.rotate()

    async def replace() -> None:
        for generation in range(2, 20):
            new = NewSecrets(f"{generation:043}", None)
            assert await secrets.replace(partner.id, partner.id, new, generation=generation)

    await asyncio.gather(replace(), *(world.reseal() for _ in range(3)))
    (row,) = world.own(f"SELECT api_secret_sealed FROM api_keys WHERE id = '{partner.id}'")
    assert ring.open(row[0], record=f"partner:{partner.id}:api_secret") == f"{19:043}"


async def test_the_previous_webhook_secret_stays_valid_as_long_as_before(world: World) -> None:
    world.fill(10)
    query = (
        "SELECT id, date_trunc('second', previous_webhook_secret_until) FROM partners"
        " WHERE previous_webhook_secret_until > now() ORDER BY id"
    )
    before = world.own(query)
    for _ in range(3):
        world.rotate()
        await world.reseal()

    assert before
    assert world.own(query) == before


async def test_workers_do_not_read_partners_again_because_of_it(world: World) -> None:
    world.fill(10)
    world.rotate()
    revision = world.own("SELECT revision FROM revisions WHERE topic = 'partners'")

    await world.reseal()
    assert world.own("SELECT revision FROM revisions WHERE topic = 'partners'") == revision
    world.own("UPDATE partners SET markup_bps = 5")
    assert world.own("SELECT revision FROM revisions WHERE topic = 'partners'") > revision


async def test_an_old_key_is_removed_once_nothing_is_sealed_with_it(world: World) -> None:
    total = world.fill(10)
    name = world.rotate(ago=LONG_AGO)

    assert (await world.reseal()).removed == ["k1"]
    assert await world.counts() == {name: total}
    assert world.check() == total


async def test_a_key_that_was_superseded_recently_is_kept(world: World) -> None:
    world.fill(10)
    world.rotate(ago=KEEP - timedelta(minutes=1))

    assert (await world.reseal()).removed == []
    world.rotate(ago=timedelta(minutes=5))
    assert (await world.reseal(keep=timedelta(0))).removed == ["k1"], "the other, 5 minutes ago"


async def test_a_key_is_kept_while_a_secret_cannot_be_decrypted(world: World) -> None:
    world.fill(10)
    world.own(
        "UPDATE api_keys SET api_secret_sealed = api_secret_sealed || 'x'"
        " WHERE id = (SELECT min(id::text)::uuid FROM api_keys)"
    )
    world.rotate(ago=LONG_AGO)

    done = await world.reseal()
    assert (done.unreadable, done.removed) == (1, [])
    assert (await world.counts())["k1"] == 1


async def test_a_process_with_an_outdated_ring_cannot_store_what_nobody_can_decrypt(
    world: World,
) -> None:
    partner = await stored_partner(world.database)
    outdated = PostgresSecretRepository(world.gateway, load_keyring(world.path))
    world.rotate(ago=LONG_AGO)
    assert (await world.reseal()).removed == ["k1"]

    with pytest.raises(Exception, match="sealed with a retired key"):
        await outdated.replace(partner.id, partner.id, NewSecrets("n" * 43, None), generation=0)


async def test_a_key_is_not_removed_while_a_statement_from_before_is_running(
    world: World,
) -> None:
    secrets = PostgresSealedSecrets(world.database, LiveKeyRing(world.path))
    with psycopg.connect(world.urls.owner) as connection:
        connection.execute("UPDATE partners SET name = name")
        retired = await secrets.retire("k1")
        assert not await secrets.is_past(retired)
        connection.rollback()
    assert await secrets.is_past(retired)
    assert await secrets.is_past(await secrets.retire("k1")), "a second time as well"


async def test_a_key_that_is_missing_from_the_ring_is_listed(world: World) -> None:
    total = world.fill(5)
    world.path.write_bytes(new_keyring().replace(b"k1", b"k9"))

    assert [(key.name, key.in_ring, key.secrets) for key in await list_keys(world.ports())] == [
        ("k1", False, total),
        ("k9", True, 0),
    ]
