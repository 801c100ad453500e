"""Concurrent changes of a team, concurrent use of codes, and throttling of attempts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from valkey.asyncio import Valkey

from domain.cabinet.login_throttle import ThrottleKey, ThrottlePolicy
from domain.cabinet.members import Member, NewMember, Role
from domain.errors import Unavailable
from persistence.postgres.cabinet.members import PostgresMemberRepository
from persistence.postgres.cabinet.second_factors import PostgresSecondFactorRepository
from persistence.postgres.cabinet.team import PostgresTeamRepository
from persistence.postgres.pool import Database
from persistence.valkey.cabinet.login_throttle import ValkeyLoginThrottle
from persistence.valkey.connection.client import connect
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.records import KEYRING, START, stored_partner

POLICY = ThrottlePolicy(3, 2, 10, 60)


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database(database_urls.gateway, size=8)
    yield database
    database.close()


@pytest.fixture
async def owners(database: Database, database_urls: DatabaseUrls) -> list[Member]:
    """Two owners of a partner."""
    admin = Database(database_urls.admin)
    partner = await stored_partner(admin)
    admin.close()
    ids = [uuid4(), uuid4()]
    with psycopg.connect(database_urls.admin, autocommit=True) as connection:
        for member_id in ids:
            connection.execute(
                "INSERT INTO partner_users (id, partner_id, email, password_hash, one_time,"
                " updated_at, role) VALUES (%s, %s, %s, '', false, %s, 'owner')",
                (member_id, partner.id, f"{member_id}@example.org", START),
            )
    found = [await PostgresMemberRepository(database).find(member_id) for member_id in ids]
    return [member for member in found if member is not None]


async def test_of_two_owners_who_remove_each_other_one_remains(
    database: Database, owners: list[Member]
) -> None:
    team = PostgresTeamRepository(database)
    one, other = owners
    for _ in range(10):
        outcomes = await asyncio.gather(
            team.remove(one, other.id), team.set_role(other, one.id, Role.VIEWER, now=START)
        )
        assert sum(outcome is not None for outcome in outcomes) == 1
        left = await team.members_of(one.partner_id)
        owning = [member for member in left if member.role is Role.OWNER]
        assert len(owning) == 1
        again = one if owning[0].id == one.id else other
        gone = other if again is one else one
        if len(left) == 2:
            assert await team.set_role(again, gone.id, Role.OWNER, now=START)
        else:
            invited = NewMember(gone.id, gone.email, Role.OWNER)
            assert await team.invite(again, invited, password_hash="", now=START)


async def test_a_former_owner_cannot_change_the_team(
    database: Database, owners: list[Member]
) -> None:
    team = PostgresTeamRepository(database)
    one, other = owners
    assert await team.set_role(one, other.id, Role.VIEWER, now=START)
    invited = NewMember(uuid4(), "x@example.org", Role.OWNER)
    assert not await team.invite(other, invited, password_hash="", now=START)
    assert await team.remove(other, one.id) is None
    assert await team.set_one_time_password(other, one.id, "x", now=START) is None
    assert await team.set_role(other, other.id, Role.OWNER, now=START) is None


async def test_concurrent_uses_of_a_code_succeed_once(
    database: Database, owners: list[Member]
) -> None:
    factors = PostgresSecondFactorRepository(database, KEYRING)
    member_id = owners[0].id
    assert await factors.begin(member_id, "A" * 32, now=START)
    hashes = ["a" * 64, "b" * 64]
    assert await factors.confirm(member_id, step=1, recovery_hashes=hashes, now=START)
    assert not await factors.confirm(member_id, step=2, recovery_hashes=[], now=START)
    assert not await factors.begin(member_id, "B" * 32, now=START)
    assert sum(await asyncio.gather(*(factors.use_step(member_id, 2) for _ in range(8)))) == 1
    assert not await factors.use_step(member_id, 1), "an older step is used up as well"
    taken = await asyncio.gather(
        *(factors.use_recovery_code(member_id, "a" * 64) for _ in range(8))
    )
    assert [left for left in taken if left is not None] == [1]


async def test_a_sealed_secret_cannot_be_opened_for_another_member(
    database: Database, database_urls: DatabaseUrls, owners: list[Member]
) -> None:
    factors = PostgresSecondFactorRepository(database, KEYRING)
    for member, secret in zip(owners, ("A" * 32, "B" * 32), strict=True):
        await factors.begin(member.id, secret, now=datetime.now(UTC))
    with psycopg.connect(database_urls.owner, autocommit=True) as connection:
        connection.execute(
            "UPDATE second_factors f SET secret_sealed = o.secret_sealed"
            " FROM second_factors o WHERE o.member_id <> f.member_id"
        )
        stored = connection.execute("SELECT secret_sealed FROM second_factors").fetchall()
    assert all(b"A" * 32 not in row[0] and b"B" * 32 not in row[0] for row in stored)
    with pytest.raises(Unavailable):
        await factors.find(owners[0].id, now=datetime.now(UTC))


async def test_audit_log_entries_cannot_be_changed_or_deleted(database_urls: DatabaseUrls) -> None:
    for url in (database_urls.gateway, database_urls.admin, database_urls.settlement):
        for statement in ("UPDATE audit_log SET what = 'x'", "DELETE FROM audit_log"):
            with (
                psycopg.connect(url) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(statement.encode())


@pytest.fixture
async def valkey(servers: Servers) -> AsyncIterator[Valkey]:
    client = connect(servers.valkey.url)
    yield client
    await client.aclose(close_connection_pool=True)


async def test_waiting_times_grow_with_failures_and_expire(valkey: Valkey) -> None:
    throttle = ValkeyLoginThrottle(valkey)
    key, now = ThrottleKey(f"test:{uuid4()}", POLICY), START
    waits = [await throttle.begin(key, now=now) for _ in range(6)]
    assert waits == [0, 0, 0, 0, 2, 2], "the first wait follows the fourth failure"
    now += timedelta(seconds=2)
    assert [await throttle.begin(key, now=now) for _ in range(2)] == [0, 4]
    now += timedelta(seconds=4)
    assert [await throttle.begin(key, now=now) for _ in range(2)] == [0, 8]
    now += timedelta(seconds=8)
    assert [await throttle.begin(key, now=now) for _ in range(2)] == [0, 10]
    await throttle.reset(key)
    assert await throttle.begin(key, now=now) == 0


async def test_an_attempt_by_an_earlier_clock_is_allowed(valkey: Valkey) -> None:
    throttle = ValkeyLoginThrottle(valkey)
    key = ThrottleKey(f"test:{uuid4()}", POLICY)
    assert await throttle.begin(key, now=START + timedelta(seconds=1)) == 0
    assert await throttle.begin(key, now=START) == 0


async def test_concurrent_attempts_are_limited_like_sequential_ones(valkey: Valkey) -> None:
    throttle = ValkeyLoginThrottle(valkey)
    key = ThrottleKey(f"test:{uuid4()}", POLICY)
    waits = await asyncio.gather(*(throttle.begin(key, now=START) for _ in range(50)))
    assert waits.count(0) == POLICY.free_attempts + 1


async def test_undoing_successful_attempts_keeps_earlier_failures(valkey: Valkey) -> None:
    throttle = ValkeyLoginThrottle(valkey)
    key = ThrottleKey(f"test:{uuid4()}", POLICY)
    for _ in range(3):
        assert await throttle.begin(key, now=START) == 0
    for _ in range(20):
        assert await throttle.begin(key, now=START) == 0
        await throttle.undo(key)
    assert await throttle.begin(key, now=START) == 0
    assert await throttle.begin(key, now=START) == 2, "the three failures still count"


async def test_attempts_are_unavailable_without_valkey() -> None:
    client = connect("valkey://127.0.0.1:1")
    with pytest.raises(Unavailable):
        await ValkeyLoginThrottle(client).begin(ThrottleKey("test", POLICY), now=START)
    await client.aclose(close_connection_pool=True)
