"""Payouts and earnings resets from before 0052-ledger-names.sql are unchanged by the migration."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from domain.actions.ledger.mark_paid_out import mark_paid_out
from domain.actions.ledger.ports import LedgerPorts
from domain.ledger.earnings import CodeEarnings
from domain.ledger.payouts import EarningsReset, Payout
from gateway.runtime.clock import SystemClock, new_id
from persistence.postgres.ledger.earnings import PostgresEarningsRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.migrate import DIRECTORY, apply_migrations
from persistence.postgres.pool import Database
from persistence.postgres.reconciliation.differences import differences
from tests.conftest import DatabaseUrls, Servers

USD = 10**18
LAST_BEFORE = "0047"
PARTNER, CODE, ORDER = UUID(int=2), UUID(int=3), UUID(int=4)
CREATED = datetime(2026, 5, 1, 12, tzinfo=UTC)
PAID, RESET = CREATED.replace(hour=13), CREATED.replace(hour=14)

# A completed order of 1 BTC at 60,000 USD: 300 USD service fee, 600 USD markup.
BOOKS = """
INSERT INTO partners (id, email, name, api_key, api_secret_sealed, webhook_secret_sealed,
  webhook_url, webhook_events, markup_bps, base_fee_share_bps, budget, max_codes, created_at)
VALUES ('{partner}', 'old@wallet.example', 'Old', 'key', 'x', 'x', 'https://wallet.example',
  '{{partner.paid_out,earnings.cleared}}', 0, 0, 2500, 5, '2026-05-01 12:00Z');
INSERT INTO codes (id, partner_id, code, enabled, created_at)
VALUES ('{code}', '{partner}', 'summer', true, '2026-05-01 12:00Z');
INSERT INTO pay_in_addresses (network, address, derivation_index, order_id)
VALUES ('Bitcoin', 'address', 0, '{order}');
INSERT INTO orders (id, partner_id, code_id, rate_type, source, destination, source_amount,
  destination_amount, rate, network_fee, fee_bps, markup_bps, destination_address, refund_address,
  pay_in_address, token_hash, created_at, expires_at, updated_at, state, accrued,
  accrual_price_usd, accrual_share_bps, finished_at)
VALUES ('{order}', '{partner}', '{code}', 'float', 'btc', 'usdt_trc20', 1, 59100, '60000.00000000',
  0, 50, 100, 'recipient', 'refund', 'address', decode(repeat('00', 32), 'hex'),
  '2026-05-01 12:00Z', '2026-05-01 12:30Z', '2026-05-01 12:10Z', 'completed', true, 60000, 0,
  '2026-05-01 12:10Z');
INSERT INTO ledger_postings
  (transaction_id, position, account, partner_id, code_id, order_id, amount, created_at)
SELECT '{order}', position, account, '{partner}', '{code}', '{order}', amount, '2026-05-01 12:10Z'
FROM (VALUES (1, 'customer_deposits', -60000), (2, 'customer_payouts', 59100),
  (3, 'service_fee', 300), (4, 'markup', 600)) AS p (position, account, amount);
INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, confirmed_at, stray)
VALUES ('{order}', 'tx', 1, 1, '2026-05-01 12:05Z', '2026-05-01 12:09Z', false);
UPDATE operator_settings SET sandbox = true;
SELECT count_orders();
SELECT close_earnings('{payout}', '{partner}', 1, 'payout', 400, 'wire 1', '2026-05-01 12:00Z',
  '2026-05-01 13:00Z', 600, 0, ARRAY['{code}'::uuid], ARRAY[600], gen_random_uuid(),
  'partner.paid_out',
  'paid_out:2026-05-01T13:00:00.000Z', '{paid_body}');
SELECT close_earnings('{reset}', '{partner}', 2, 'clearing', 200, NULL, '2026-05-01 13:00Z',
  '2026-05-01 14:00Z', 600, 0, ARRAY['{code}'::uuid], ARRAY[600], gen_random_uuid(),
  'earnings.cleared', 'cleared:2026-05-01T14:00:00.000Z', '{reset_body}');
"""
PAID_BODY = (
    '{{"event":"partner.paid_out","payout":{{"id":"{payout}",'
    '"periodStart":"2026-05-01T12:00:00.000Z","periodEnd":"2026-05-01T13:00:00.000Z",'
    '"amountUsd":"400.00","reference":"wire 1","paidOutAt":"2026-05-01T13:00:00.000Z"}},"ts":1}}'
)
RESET_BODY = (
    '{"event":"earnings.cleared","earnings":{"amountUsd":"200.00",'
    '"clearedAt":"2026-05-01T14:00:00.000Z"},"ts":1}'
)

OLD_NAMES = """
SELECT conname FROM pg_constraint WHERE conname ~ 'closing'
UNION ALL SELECT relname FROM pg_class WHERE relname ~ 'closing'
UNION ALL SELECT proname FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
  AND (proname || prosrc) ~ 'closing|cleared_usd|asked_'
UNION ALL SELECT tgname FROM pg_trigger WHERE tgname ~ 'closing'
"""


@pytest.fixture
def url(servers: Servers) -> Iterator[str]:
    """An empty database."""
    name = f"migrated_{uuid4().hex}"
    servers.postgres.create_database(name)
    yield servers.postgres.url(database=name)
    servers.postgres.drop_database(name)


def migrations_until(last: str, directory: Path) -> Path:
    """Copy the migrations up to the one with the number `last`."""
    directory.mkdir()
    for path in sorted(DIRECTORY.glob("*.sql")):
        if path.stem[: len(last)] <= last:
            shutil.copy(path, directory)
    return directory


async def test_periods_that_ended_before_the_migration_keep_their_amounts(
    url: str, tmp_path: Path
) -> None:
    apply_migrations(url, directory=migrations_until(LAST_BEFORE, tmp_path / "before"))
    payout_id, reset_id = uuid4(), uuid4()
    statements = BOOKS.format(
        partner=PARTNER,
        code=CODE,
        order=ORDER,
        payout=payout_id,
        reset=reset_id,
        paid_body=PAID_BODY.format(payout=payout_id),
        reset_body=RESET_BODY,
    )
    with psycopg.connect(url) as connection:
        connection.execute(statements.encode())
    assert "0052-ledger-names" in apply_migrations(url)

    database = Database(url)
    repository = PostgresEarningsRepository(database)
    codes = [CodeEarnings(CODE, "summer", 600 * USD)]
    totals: dict[str, Any] = {
        "total_markup": 600 * USD,
        "total_base_fee_share": 0,
        "total_codes": codes,
    }
    payout = Payout(
        id=payout_id,
        partner_id=PARTNER,
        number=1,
        amount=400 * USD,
        reference="wire 1",
        period_start=CREATED,
        period_end=PAID,
        **totals,
    )
    reset = EarningsReset(
        id=reset_id,
        partner_id=PARTNER,
        number=2,
        amount=200 * USD,
        period_start=PAID,
        period_end=RESET,
        **totals,
    )
    try:
        assert [one.end for one in await repository.periods(PARTNER, limit=9)] == [
            None,
            reset,
            payout,
        ]
        earnings = await repository.earnings(PARTNER)
        assert (earnings.paid, earnings.reset, earnings.owed) == (400 * USD, 200 * USD, 0)
        ports = LedgerPorts(SystemClock(), repository, new_id)
        assert (await mark_paid_out(ports, PARTNER, "wire 1")).payout == payout
        catalogue = await read_catalogue(database)
        assert [one async for one in differences(database, catalogue)] == []
    finally:
        database.close()


def test_no_object_of_the_database_has_a_name_from_before(database_urls: DatabaseUrls) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        assert connection.execute(OLD_NAMES.encode()).fetchall() == []
