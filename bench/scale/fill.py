"""Partners and orders in bulk, derived from their numbers: the same in every run.

The rows satisfy every constraint, but triggers are disabled (`session_replication_role`): counting
a million orders one by one would take an hour. The orders therefore have neither events nor
postings in the ledger. Some of them belong to the measured partner.
"""

from typing import Final

import psycopg

from domain.partners.partner import DEFAULT_MAX_CODES
from domain.partners.weights import DEFAULT_BUDGET

OWN_EVERY: Final = 50
"""One order in this many belongs to the measured partner."""

PARTNERS: Final = """
WITH bumped AS (
  UPDATE revisions SET revision = revision + 1 WHERE topic = 'partners' RETURNING revision
), numbers AS (
  SELECT n, md5('partner ' || n)::uuid AS id
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
), added AS (
  INSERT INTO partners (id, email, name, webhook_secret_sealed, webhook_events, markup_bps,
    base_fee_share_bps, budget, max_codes, created_at, revision)
  SELECT id, 'scale-' || n || '@swapgate.example', 'Partner ' || n, '\\x00',
    '{order.status_changed}', n %% 200, 0, %(budget)s, %(codes)s, now() - interval '90 days',
    bumped.revision
  FROM bumped, numbers
)
INSERT INTO api_keys (id, partner_id, api_key, api_secret_sealed, scope, signature_v2_only,
  created_at)
SELECT id, id, left(md5('key ' || n), 24), '\\x00', 'full', false, now() - interval '90 days'
FROM numbers
"""

# Ids as UUIDv7: 48 bits of time, then the version, the number's hash and the variant (RFC 9562).
NUMBERED: Final = """
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT n, created_at,
  (lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0')
    || '7' || substr(md5('order ' || n), 1, 3) || '8' || substr(md5('order ' || n), 4, 15))::uuid
    AS id,
  CASE WHEN n %% %(every)s = 0 THEN %(own)s
    ELSE md5('partner ' || (n * 7919 %% %(partners)s + 1))::uuid END AS partner_id,
  CASE n %% 20 WHEN 0 THEN 'expired' WHEN 1 THEN 'cancelled' ELSE 'completed' END AS state
FROM (
  SELECT n, now() - interval '90 days' * (1 - n::float8 / %(orders)s) AS created_at
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
)
"""

ORDERS: Final = """
INSERT INTO orders (id, partner_id, rate_type, state, version, source, destination, source_amount,
  destination_amount, rate, network_fee, fee_bps, markup_bps, destination_address, refund_address,
  pay_in_address, token_hash, created_at, expires_at, updated_at, finished_at, payout_tx_id,
  accrued, accrual_price_usd, accrual_share_bps, worth_usd)
SELECT id, partner_id, 'float', state, 4, 'btc', 'usdt_trc20', 0.01, 619.9875,
  '62118.75000000', 1.2, 50, 50, 'TJRabPrwbZy45sbavfcjinPJC18kjpRTv8',
  'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu', 'scale ' || n,
  sha256(('scale' || lpad(n::text, 38, '0'))::bytea), created_at,
  created_at + interval '30 minutes', created_at + interval '40 minutes',
  created_at + interval '40 minutes',
  CASE state WHEN 'completed' THEN md5('payout ' || n) END,
  state = 'completed', 62450, 0, 624.5
FROM numbered
"""

DEPOSITS: Final = """
INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, confirmed_at, late)
SELECT id, md5('deposit ' || n), 0, 0.01, created_at + interval '10 minutes',
  created_at + interval '35 minutes', false
FROM numbered WHERE state = 'completed'
"""

ADDRESSES: Final = """
INSERT INTO pay_in_addresses (network, address, derivation_index, order_id)
SELECT 'Bitcoin', 'scale ' || n, -n, id FROM numbered
"""

IDEMPOTENCY_KEYS: Final = """
INSERT INTO idempotency_keys (partner_id, key, body_hash, order_id)
SELECT partner_id, 'scale-' || n, sha256(n::text::bytea), id FROM numbered
"""

OWN: Final = """
SELECT id::text, 'scale' || lpad(substr(pay_in_address, 7), 38, '0') FROM orders
WHERE partner_id = %s AND pay_in_address LIKE 'scale %%' ORDER BY md5(pay_in_address) LIMIT %s
"""


def fill(url: str, own: str, *, partners: tuple[int, int], orders: tuple[int, int]) -> None:
    """Add the partners and orders with numbers above the first and up to the second of each pair.

    `own` is the id of the measured partner.
    """
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(
            PARTNERS,
            {
                "first": partners[0] + 1,
                "last": partners[1],
                "budget": DEFAULT_BUDGET,
                "codes": DEFAULT_MAX_CODES,
            },
        )
        connection.execute(
            NUMBERED,
            {
                "first": orders[0] + 1,
                "last": orders[1],
                "orders": orders[1],
                "partners": partners[1],
                "every": OWN_EVERY,
                "own": own,
            },
        )
        for statement in (ORDERS, DEPOSITS, ADDRESSES, IDEMPOTENCY_KEYS):
            connection.execute(statement)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "VACUUM (ANALYZE) partners, orders, deposits, pay_in_addresses, idempotency_keys"
        )
        connection.execute("CHECKPOINT")


def own_orders(url: str, own: str, limit: int) -> list[tuple[str, str]]:
    """Return ids and tokens of orders of the measured partner, of all ages."""
    with psycopg.connect(url) as connection:
        return [(str(order), str(token)) for order, token in connection.execute(OWN, (own, limit))]
