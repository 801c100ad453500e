"""The key that a partner had before 0112-api-keys.sql is its first key, with the same rules."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from domain.partners.partner import DEFAULT_PARTNER_ID
from domain.partners.scopes import Scope
from persistence.postgres.migrate import DIRECTORY, apply_migrations
from persistence.postgres.partners.api_keys import PostgresKeyRepository, api_secret_record
from persistence.postgres.partners.partners import find_partner, list_partners, read_access
from persistence.postgres.pool import Database
from tests.conftest import Servers
from tests.support.builders.records import KEYRING

PARTNER = UUID(int=2)
SECRET = "a" * 43
ROTATED, USED = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)

STORE = """
INSERT INTO partners (id, email, name, api_key, api_secret_sealed, webhook_secret_sealed,
  webhook_events, markup_bps, base_fee_share_bps, budget, max_codes, created_at, generation,
  api_networks, api_secret_rotated_at, signature_v2_only)
VALUES (%(partner)s, 'old@wallet.example', 'Old', 'the-key', %(sealed)s, 'x', '{}', 7, 0, 2500, 5,
  '2026-05-01Z', 3, '{10.0.0.0/8}', %(rotated)s, true)
"""
STORE_USES = """
INSERT INTO api_key_uses (partner_id, used_at) VALUES (%(partner)s, %(used)s);
"""
STORE_V2_USE = "INSERT INTO signature_v2_uses VALUES (%(partner)s, %(used)s)"


def migrations_before_keys(directory: Path) -> Path:
    directory.mkdir()
    for path in sorted(DIRECTORY.glob("*.sql")):
        if path.stem < "0112":
            shutil.copy(path, directory)
    return directory


async def test_the_key_from_before_is_the_first_key(servers: Servers, tmp_path: Path) -> None:
    name = f"migrated_{uuid4().hex}"
    servers.postgres.create_database(name)
    url = servers.postgres.url(database=name)
    apply_migrations(url, directory=migrations_before_keys(tmp_path / "before"))
    values = {
        "partner": PARTNER,
        "sealed": KEYRING.seal(SECRET, record=api_secret_record(PARTNER)),
        "rotated": ROTATED,
        "used": USED,
    }
    with psycopg.connect(url) as connection:
        for statement in (STORE, STORE_USES, STORE_V2_USE):
            connection.execute(statement.encode(), values)
    assert "0112-api-keys" in apply_migrations(url)

    database = Database(url)
    (key,) = (await PostgresKeyRepository(database, KEYRING).list_of(PARTNER)).keys
    assert (key.id, key.api_key, key.scope) == (PARTNER, "the-key", Scope.FULL)
    assert (key.ip_allowlist, key.signature_v2_only) == (["10.0.0.0/8"], True)
    assert (key.generation, key.secret_from) == (3, ROTATED)
    assert (key.used_at, key.signature_v2_used, key.revoked_at) == (USED, True, None)
    access = await read_access(database, KEYRING, "the-key")
    assert access is not None
    assert (access.id, access.api_secret, access.generation) == (PARTNER, SECRET, 3)
    assert (await find_partner(database, str(PARTNER))).api_key == "the-key"
    assert [one.id for one in await list_partners(database)] == [PARTNER]
    with_none = await PostgresKeyRepository(database, KEYRING).list_of(DEFAULT_PARTNER_ID)
    assert with_none.keys == []
    database.close()
    servers.postgres.drop_database(name)
