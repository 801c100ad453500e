"""Secrets and codes on a real PostgreSQL: replaced and created by one of many, within their cap."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from domain.actions.partners.manage_codes import (
    PAGE_SIZE,
    change_code,
    code_quota,
    find_code,
    page_of_codes,
)
from domain.actions.partners.ports import CodePorts, RotationPorts
from domain.actions.partners.rotate_keys import rotate_keys
from domain.errors import InvalidRequest, NotFound, RotationConflict, Unavailable
from domain.partners.codes import OwnCode
from domain.partners.credentials import NewSecrets, SecretName
from domain.partners.partner import Partner
from gateway.runtime.clock import new_id
from persistence.postgres.partners.codes import PostgresCodeRepository
from persistence.postgres.partners.partners import changed_keys, read_access, read_revision
from persistence.postgres.partners.secrets import PostgresSecretRepository
from persistence.postgres.pool import Database, DatabaseUnavailable, Row
from tests.conftest import DatabaseUrls
from tests.support.builders.records import KEYRING, START, stored_partner

NEW = NewSecrets(api_secret="n" * 43, webhook_secret=None)


@pytest.fixture
async def gateway(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database(database_urls.gateway, size=8)
    yield database
    database.close()


@pytest.fixture
async def admin(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database(database_urls.admin)
    yield database
    database.close()


async def known(gateway: Database, partner: Partner) -> tuple[str | None, int]:
    access = await read_access(gateway, KEYRING, partner.api_key)
    assert access is not None
    return access.api_secret, access.generation


def own(partner: Partner) -> tuple[UUID, UUID]:
    """Return the ids of a partner and of its first key."""
    return partner.id, partner.id


async def test_replacing_a_secret_increments_the_generation(
    gateway: Database, admin: Database
) -> None:
    partner = await stored_partner(admin)
    store = PostgresSecretRepository(gateway, KEYRING)
    assert await known(gateway, partner) == ("a" * 43, 0)
    assert await store.replace(*own(partner), NEW, generation=0)
    assert await known(gateway, partner) == ("n" * 43, 1)
    assert not await store.replace(*own(partner), NEW, generation=0)
    assert await known(gateway, partner) == ("n" * 43, 1)


async def test_one_of_many_concurrent_replacements_is_stored(
    gateway: Database, admin: Database
) -> None:
    partner = await stored_partner(admin)
    store = PostgresSecretRepository(gateway, KEYRING)
    tries = [NewSecrets(secrets.token_urlsafe(32), secrets.token_urlsafe(32)) for _ in range(20)]
    stored = await asyncio.gather(
        *(store.replace(*own(partner), one, generation=0) for one in tries)
    )
    (index,) = [number for number, revision in enumerate(stored) if revision is not None]
    assert await known(gateway, partner) == (tries[index].api_secret, 2)


async def test_a_secret_that_is_not_rotated_is_unchanged(
    gateway: Database, admin: Database, database_urls: DatabaseUrls
) -> None:
    partner = await stored_partner(admin)
    store = PostgresSecretRepository(gateway, KEYRING)
    assert await store.replace(*own(partner), NewSecrets(None, "w" * 43), generation=0)
    assert await known(gateway, partner) == ("a" * 43, 1)
    with psycopg.connect(database_urls.owner) as connection:
        row = connection.execute(
            "SELECT webhook_secret_sealed FROM partners WHERE id = %s", (partner.id,)
        ).fetchone()
    assert row is not None
    record = f"partner:{partner.id}:webhook_secret"
    assert KEYRING.open(row[0], record=record) == "w" * 43


class LosesAnswers(Database):
    """A database whose answers are lost a few times, after the statement was done."""

    lost = 0

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        rows = await super().fetch(sql, parameters)
        if self.lost:
            self.lost -= 1
            raise DatabaseUnavailable("the connection broke")
        return rows


async def test_a_lost_response_loses_no_secret(
    gateway: Database, admin: Database, database_urls: DatabaseUrls
) -> None:
    partner = await stored_partner(admin)
    faulty = LosesAnswers(database_urls.gateway)
    faulty.lost = 2
    assert await PostgresSecretRepository(faulty, KEYRING).replace(*own(partner), NEW, generation=0)
    assert await known(gateway, partner) == ("n" * 43, 1)
    faulty.close()


async def test_a_database_that_remains_unavailable_is_reported(
    admin: Database, database_urls: DatabaseUrls
) -> None:
    partner = await stored_partner(admin)
    faulty = LosesAnswers(database_urls.gateway)
    faulty.lost = 100
    with pytest.raises(Unavailable):
        await PostgresSecretRepository(faulty, KEYRING).replace(*own(partner), NEW, generation=0)
    faulty.close()


async def test_generations_never_decrease(
    gateway: Database, admin: Database, database_urls: DatabaseUrls
) -> None:
    partner, both = await stored_partner(admin), NewSecrets("n" * 43, "w" * 43)
    assert await PostgresSecretRepository(gateway, KEYRING).replace(
        *own(partner), both, generation=0
    )
    urls = (database_urls.gateway, database_urls.admin, database_urls.owner)
    for url, table in product(urls, ("partners", "api_keys")):
        with (
            psycopg.connect(url) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="never goes back"),
        ):
            connection.execute(f"UPDATE {table} SET generation = 0".encode())


class RecordedSteps:
    """What a rotation puts into effect."""

    def __init__(self, gateway: Database) -> None:
        self.changes: list[tuple[UUID, int | None]] = []
        self.ports = RotationPorts(
            secrets=PostgresSecretRepository(gateway, KEYRING),
            changed=self._changed,
            randomness=secrets.token_bytes,
        )

    async def _changed(self, partner_id: UUID, *, revision: int | None = None) -> None:
        self.changes.append((partner_id, revision))


async def test_a_rotation_is_put_into_effect_before_the_response(
    gateway: Database, admin: Database
) -> None:
    partner, recorded = await stored_partner(admin), RecordedSteps(gateway)
    before = await read_revision(gateway, partner.id)
    new = await rotate_keys(recorded.ports, *own(partner), generation=0, names=[SecretName.API])
    assert await known(gateway, partner) == (new.api_secret, 1)
    ((changed, revision),) = recorded.changes
    assert changed == partner.id
    assert revision is not None
    assert before < revision <= await read_revision(gateway, partner.id)


async def test_a_rotation_that_conflicts_notifies_nobody(
    gateway: Database, admin: Database
) -> None:
    partner, recorded = await stored_partner(admin), RecordedSteps(gateway)
    await rotate_keys(recorded.ports, *own(partner), generation=0, names=[SecretName.WEBHOOK])
    recorded.changes.clear()
    with pytest.raises(RotationConflict):
        await rotate_keys(recorded.ports, *own(partner), generation=0, names=[SecretName.WEBHOOK])
    assert recorded.changes == []


def code(name: str = "", **changes: object) -> OwnCode:
    new = OwnCode(
        id=new_id(),
        code=name or f"code-{uuid4().hex[:12]}",
        label=None,
        markup_bps=None,
        enabled=True,
        created_at=START,
    )
    return msgspec.structs.replace(new, **changes)


class StoppedClock:
    def now(self) -> datetime:
        return START


async def told_to_nobody(partner_id: UUID, *, revision: int | None = None) -> None:
    del partner_id, revision


async def test_fifty_concurrent_creates_never_exceed_the_limit(
    gateway: Database, admin: Database
) -> None:
    partner, book = await stored_partner(admin, max_codes=7), PostgresCodeRepository(gateway)
    added = await asyncio.gather(*(book.add(partner.id, code()) for _ in range(50)))
    assert sum(added) == 7
    assert len(await book.newest(partner.id, limit=100)) == 7


async def test_one_of_many_partners_gets_a_name_requested_concurrently(
    gateway: Database, admin: Database
) -> None:
    partners = [await stored_partner(admin) for _ in range(10)]
    book = PostgresCodeRepository(gateway)
    added = await asyncio.gather(*(book.add(one.id, code("the-name")) for one in partners * 5))
    assert sum(added) == 1
    owned = [len(await book.newest(one.id, limit=100)) for one in partners]
    assert sorted(owned) == [0] * 9 + [1]


async def test_a_limit_of_zero_allows_no_codes(gateway: Database, admin: Database) -> None:
    partner = await stored_partner(admin, max_codes=0)
    assert not await PostgresCodeRepository(gateway).add(partner.id, code())


async def test_each_change_of_a_code_changes_the_revision_of_its_partner(
    gateway: Database, admin: Database
) -> None:
    partner, other = await stored_partner(admin), await stored_partner(admin)
    book, new = PostgresCodeRepository(gateway), code("the-code", markup_bps=9)
    _, revision = await changed_keys(gateway, 0)
    assert await book.add(partner.id, new)
    keys, revision = await changed_keys(gateway, revision)
    assert keys == [partner.api_key]
    for enabled in (False, True):
        assert await book.switch(partner.id, "the-code", enabled=enabled)
        keys, revision = await changed_keys(gateway, revision)
        assert keys == [partner.api_key]
    assert not await book.switch(other.id, "the-code", enabled=False)
    assert await changed_keys(gateway, revision) == ([], revision)
    access = await read_access(gateway, KEYRING, partner.api_key)
    assert access is not None
    assert access.codes["the-code"].markup_bps == 9


async def test_a_code_is_listed_as_it_was_created(gateway: Database, admin: Database) -> None:
    partner, book = await stored_partner(admin), PostgresCodeRepository(gateway)
    new = code(label="Grüße 😀", markup_bps=2_000)
    assert await book.add(partner.id, new)
    (listed,) = await book.newest(partner.id, limit=100)
    assert listed.code == new


async def test_pages_of_codes_contain_every_code_once(gateway: Database, admin: Database) -> None:
    partner = await stored_partner(admin, max_codes=PAGE_SIZE + 3)
    other = await stored_partner(admin)
    book = PostgresCodeRepository(gateway)
    management = CodePorts(StoppedClock(), book, told_to_nobody, new_id)
    for _ in range(PAGE_SIZE + 3):
        assert await book.add(partner.id, code())
    first = await page_of_codes(management, partner.id, after=None)
    assert first.next_after is not None
    second = await page_of_codes(management, partner.id, after=first.next_after)
    names = [one.code.code for page in (first, second) for one in page.codes]
    assert (len(first.codes), second.next_after) == (PAGE_SIZE, None)
    assert len(set(names)) == len(names) == PAGE_SIZE + 3
    theirs = await page_of_codes(management, other.id, after=first.next_after)
    assert theirs.codes == []
    quota = await code_quota(management, partner.id)
    assert (quota.codes, quota.max_codes) == (PAGE_SIZE + 3, PAGE_SIZE + 3)
    with pytest.raises(NotFound):
        await code_quota(management, uuid4())


async def test_label_and_markup_of_a_partners_own_code_are_validated_and_changed(
    gateway: Database, admin: Database
) -> None:
    partner, other = await stored_partner(admin), await stored_partner(admin)
    book = PostgresCodeRepository(gateway)
    management = CodePorts(StoppedClock(), book, told_to_nobody, new_id)
    kept = code(label="before", markup_bps=10)
    await book.add(partner.id, kept)
    for wrong in ({"label": "a\nb", "markup_bps": None}, {"label": None, "markup_bps": 2_001}):
        with pytest.raises(InvalidRequest):
            await change_code(management, partner.id, kept.code, **wrong)
    for who, name in ((other.id, kept.code), (partner.id, "unknown"), (partner.id, "'")):
        with pytest.raises(NotFound):
            await change_code(management, who, name, label="x", markup_bps=1)
        with pytest.raises(NotFound):
            await find_code(management, who, name)
    assert (await find_code(management, partner.id, kept.code)).code == kept
    await change_code(management, partner.id, kept.code, label=" ", markup_bps=None)
    found = (await find_code(management, partner.id, kept.code)).code
    assert found == msgspec.structs.replace(kept, label=None, markup_bps=None)
