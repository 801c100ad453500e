"""Many partners and second factors with sealed secrets, stored directly in the database."""

from uuid import UUID, uuid4

import psycopg

from persistence.keyring import KeyRing
from persistence.postgres.cabinet.second_factors import factor_record
from persistence.postgres.partners.api_keys import api_secret_record
from persistence.postgres.partners.partners import webhook_secret_record

API_SECRET = "a" * 43
WEBHOOK_SECRET = "w" * 43
PREVIOUS_SECRET = "p" * 43
NAME = "Filled in"
FACTOR = "JBSWY3DPEHPK3PXP"

PARTNERS = """
COPY partners (id, email, name, webhook_secret_sealed,
  previous_webhook_secret_sealed, previous_webhook_secret_until, webhook_events, markup_bps,
  base_fee_share_bps, budget, max_codes, created_at, revision) FROM STDIN
"""
KEYS = """
COPY api_keys (id, partner_id, api_key, api_secret_sealed, previous_secret_sealed,
  previous_secret_until, scope, signature_v2_only, created_at) FROM STDIN
"""
STORED = f"""
SELECT p.id, k.api_secret_sealed, p.webhook_secret_sealed, p.previous_webhook_secret_sealed,
  k.previous_secret_sealed
FROM partners p JOIN api_keys k ON k.partner_id = p.id WHERE p.name = '{NAME}'
"""


def fill(owner_url: str, ring: KeyRing, partners: int, *, factors: int = 0) -> list[str]:
    """Store partners, every tenth with a previous secret, and second factors; return API keys."""
    ids = [uuid4() for _ in range(partners)]
    with psycopg.connect(owner_url) as connection, connection.cursor() as cursor:
        # The trigger that counts revisions takes longer with each row of a transaction.
        cursor.execute("ALTER TABLE partners DISABLE TRIGGER partner_added")
        cursor.execute("SELECT revision FROM revisions WHERE topic = 'partners' FOR UPDATE")
        (revision,) = cursor.fetchone() or (0,)
        with cursor.copy(PARTNERS.encode()) as rows:
            for number, one in enumerate(ids):
                partner = _partner(ring, one, with_previous=number % 10 == 0)
                rows.write_row((*partner, revision + 1 + number))
        cursor.execute("ALTER TABLE api_keys DISABLE TRIGGER api_key_changed")
        with cursor.copy(KEYS.encode()) as rows:
            for number, one in enumerate(ids):
                rows.write_row(_key(ring, one, with_previous=number % 10 == 0))
        cursor.execute("ALTER TABLE api_keys ENABLE TRIGGER api_key_changed")
        cursor.execute(
            "UPDATE revisions SET revision = revision + %s WHERE topic = 'partners'", (partners,)
        )
        cursor.execute("ALTER TABLE partners ENABLE TRIGGER partner_added")
        for one in ids[:factors]:
            cursor.execute(
                "INSERT INTO partner_users (id, partner_id, email, password_hash, one_time,"
                " updated_at, role) VALUES (%s, %s, %s, 'hash', false, now(), 'owner')",
                (one, one, f"{one.hex}@example.org"),
            )
            cursor.execute(
                "INSERT INTO second_factors (member_id, secret_sealed, created_at)"
                " VALUES (%s, %s, now())",
                (one, ring.seal(FACTOR, record=factor_record(one))),
            )
    return [one.hex for one in ids]


def check_secrets(owner_url: str, ring: KeyRing, *, replaced: bool = False) -> int:
    """Check that every stored secret can be decrypted; return how many there are.

    Each is what was sealed, unless webhook secrets have been `replaced` since.
    """
    with psycopg.connect(owner_url) as connection:
        rows = connection.execute(STORED.encode()).fetchall()
        factors = connection.execute("SELECT member_id, secret_sealed FROM second_factors")
        found = [_opened(ring, row) for row in rows]
        of_factors = [ring.open(sealed, record=factor_record(one)) for one, sealed in factors]
    with_previous = [API_SECRET, WEBHOOK_SECRET, PREVIOUS_SECRET, PREVIOUS_SECRET]
    assert {secrets[0] for secrets in found} == {API_SECRET}
    assert replaced or all(secrets in (with_previous, with_previous[:2]) for secrets in found)
    assert set(of_factors) <= {FACTOR}
    return sum(map(len, found)) + len(of_factors)


def _partner(ring: KeyRing, one: UUID, *, with_previous: bool) -> tuple[object, ...]:
    record = webhook_secret_record(one)
    return (
        *(one, f"{one.hex}@example.org", NAME),
        ring.seal(WEBHOOK_SECRET, record=record),
        ring.seal(PREVIOUS_SECRET, record=record) if with_previous else None,
        "2030-01-01T00:00Z" if with_previous else None,
        *("{}", 0, 0, 2500, 0, "2026-05-01T12:00Z"),
    )


def _key(ring: KeyRing, one: UUID, *, with_previous: bool) -> tuple[object, ...]:
    record = api_secret_record(one)
    return (
        *(one, one, one.hex),
        ring.seal(API_SECRET, record=record),
        ring.seal(PREVIOUS_SECRET, record=record) if with_previous else None,
        "2030-01-01T00:00Z" if with_previous else None,
        *("full", False, "2026-05-01T12:00Z"),
    )


def _opened(ring: KeyRing, row: tuple[object, ...]) -> list[str]:
    one, api, webhook, previous, previous_api = row
    assert isinstance(one, UUID)
    assert isinstance(api, bytes)
    assert isinstance(webhook, bytes)
    secrets = [
        ring.open(api, record=api_secret_record(one)),
        ring.open(webhook, record=webhook_secret_record(one)),
    ]
    if isinstance(previous, bytes):
        secrets.append(ring.open(previous, record=webhook_secret_record(one)))
    if isinstance(previous_api, bytes):
        secrets.append(ring.open(previous_api, record=api_secret_record(one)))
    return secrets
