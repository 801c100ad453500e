"""Ten million orders of one partner, derived from their numbers: the same in every run.

Triggers are disabled, and indexes are built at the end, so that it takes only minutes. The totals
of days, codes and partners that triggers would maintain are computed from the orders. Only the
newest orders have postings in the ledger, webhook events and attempts, because no page reads those
of older ones in bulk.

Some values are rare on purpose: one order in a million is XMR, two in ten million have the code
`rare-one`, and five million have `half`, none of which is DOGE, although a tenth of all orders are.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Final

import psycopg

OTHERS_EVERY: Final = 50
"""One order in this many belongs to another partner; the others to the measured one."""
DAYS: Final = 90
BATCH: Final = 1_000_000
WITH_POSTINGS: Final = 500_000
WITH_EVENTS: Final = 100_000
CODES: Final = ("half", "rare-one", "spring", "summer", "autumn")

INDEXES: Final = """
SELECT indexdef, indexrelid::regclass::text FROM pg_indexes JOIN pg_index
  ON indexrelid = format('%I.%I', schemaname, indexname)::regclass
WHERE tablename IN ('orders', 'deposits', 'ledger_postings') AND NOT indisunique
"""

OTHERS: Final = """
INSERT INTO partners (id, email, name, webhook_secret_sealed, webhook_events, markup_bps,
  base_fee_share_bps, budget, max_codes, created_at)
SELECT md5('cabinet partner ' || n)::uuid, 'cabinet-' || n || '@swapgate.example', 'Other ' || n,
  '\\x00', '{order.status_changed}', 50, 0, 2500, 50,
  now() - interval '90 days'
FROM generate_series(1, 100) AS n
"""

OWN_CODES: Final = """
INSERT INTO codes (id, partner_id, code, label, markup_bps, enabled, created_at)
SELECT md5('cabinet code ' || name)::uuid, %(own)s, name, 'Bench ' || name, 100, true,
  now() - interval '90 days'
FROM unnest(%(codes)s::text[]) AS name
"""

# The rate of orders grows over time, in weekly waves. Ids are UUIDv7: 48 bits of time, then the
# version, the number's hash and the variant (RFC 9562).
NUMBERED: Final = """
CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT n, created_at, n %% %(others_every)s <> 0 AS is_own,
  (lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0')
    || '7' || substr(md5('cabinet ' || n), 1, 3)
    || '8' || substr(md5('cabinet ' || n), 4, 15))::uuid AS id,
  CASE WHEN created_at > %(now)s::timestamptz - interval '25 minutes' THEN 'awaiting_deposit'
    WHEN n %% 500000 = 17 THEN 'held' WHEN n %% 700000 = 19 THEN 'refunded'
    WHEN n %% 20 = 1 THEN 'expired' ELSE 'completed' END AS state,
  CASE WHEN n %% 2 = 0 THEN 'half' WHEN n %% 5000000 = 3 THEN 'rare-one'
    WHEN n %% 10 = 7 THEN (ARRAY['spring', 'summer', 'autumn'])[1 + n / 10 %% 3] END AS code,
  CASE WHEN n %% 1000000 = 77 THEN 'xmr' WHEN n %% 10 = 5 THEN 'doge'
    WHEN n %% 10 = 9 THEN 'usdt_trc20'
    ELSE (ARRAY['btc', 'eth', 'ltc', 'sol', 'trx'])[1 + n / 20 %% 5] END AS source,
  CASE WHEN n %% 10 = 9 THEN 'btc' WHEN n %% 3 = 0 THEN 'usdc_erc20' ELSE 'usdt_trc20' END
    AS destination,
  10 + (n * 7919 %% 4000)::numeric / 10 AS worth
FROM (
  SELECT n, %(now)s::timestamptz - %(days)s * interval '1 day' * (1
    - power(n::float8 / %(orders)s, 0.8) - 0.006 * sin(n::float8 / %(orders)s * 13 * 2 * pi()))
    AS created_at
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
) AS moments
"""

ORDERS: Final = """
INSERT INTO orders (id, partner_id, code_id, rate_type, state, version, source, destination,
  source_amount, destination_amount, rate, network_fee, fee_bps, markup_bps, destination_address,
  refund_address, pay_in_address, token_hash, created_at, expires_at, updated_at, finished_at,
  payout_tx_id, accrued, accrual_price_usd, accrual_share_bps, worth_usd, emergency)
SELECT id,
  CASE WHEN is_own THEN %(own)s::uuid ELSE md5('cabinet partner ' || 1 + n %% 100)::uuid END,
  CASE WHEN is_own THEN md5('cabinet code ' || code)::uuid END, 'float', state, 4, source,
  destination, round(worth / 100, 4), round(worth * 0.99, 2), '99.00000000', 1, 50, 50,
  'TJRabPrwbZy45sbavfcjinPJC18kjpRTv8', 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu',
  'bench ' || n, sha256(n::text::bytea), created_at, created_at + interval '30 minutes',
  CASE state WHEN 'awaiting_deposit' THEN created_at ELSE created_at + interval '20 minutes' END,
  CASE WHEN state IN ('completed', 'expired', 'refunded') THEN created_at + interval '20 minutes'
    END,
  CASE state WHEN 'completed' THEN md5('payout ' || n) || md5('of ' || n) END,
  state = 'completed', CASE state WHEN 'completed' THEN 100 END,
  CASE state WHEN 'completed' THEN 2000 END, worth,
  CASE state WHEN 'held' THEN '{LIMIT}' ELSE '{}' END::text[]
FROM numbered ORDER BY n
"""

DEPOSITS: Final = """
INSERT INTO deposits (order_id, tx_id, position, amount, seen_at, confirmed_at, late)
SELECT id, md5('deposit ' || n) || md5('of ' || n), 0, round(worth / 100, 4),
  created_at + interval '8 minutes', created_at + interval '18 minutes', false
FROM numbered WHERE state IN ('completed', 'held', 'refunded') ORDER BY n
"""

POSTINGS: Final = """
INSERT INTO ledger_postings
  (transaction_id, position, account, partner_id, code_id, order_id, amount, created_at)
SELECT o.id, p.position, p.account, o.partner_id, o.code_id, o.id, p.amount, o.finished_at
FROM orders o CROSS JOIN LATERAL (VALUES
  (1, 'customer_deposits', -o.source_amount * 100), (2, 'customer_payouts', o.source_amount * 99),
  (3, 'service_fee', round(o.source_amount * 0.4, 18)),
  (4, 'markup', round(o.source_amount * 0.5, 18)),
  (5, 'base_fee_share', round(o.source_amount * 0.1, 18))) AS p (position, account, amount)
WHERE o.state = 'completed' AND o.id >= %(from)s
"""

EVENTS: Final = """
INSERT INTO webhook_events (id, partner_id, order_id, position, type, dedup_key, body, status,
  attempts, due_at, created_at, finished_at)
SELECT overlay(o.id::text PLACING lpad(to_hex(e.position), 12, '0') FROM 25)::uuid, o.partner_id,
  o.id, e.position, 'order.status_changed', 'order:' || o.id || ':' || e.status,
  convert_to(json_build_object('event', 'order.status_changed',
    'order', json_build_object('id', o.id, 'status', e.status))::text, 'UTF8'),
  CASE WHEN e.status = 'DONE' AND get_byte(o.token_hash, 0) < 3 THEN 'dead' ELSE 'delivered' END,
  1, o.created_at, o.created_at + e.position * interval '6 minutes',
  o.created_at + e.position * interval '6 minutes'
FROM orders o CROSS JOIN LATERAL (VALUES (2, 'PENDING'), (3, 'EXCHANGE'), (4, 'DONE'))
  AS e (position, status)
WHERE o.state = 'completed' AND o.partner_id = %(own)s AND o.id >= %(from)s
"""

ATTEMPTS: Final = """
INSERT INTO webhook_attempts (event_id, attempt, started_at, latency_ms, http_status, error)
SELECT id, 1, created_at, 40 + position, CASE status WHEN 'dead' THEN 500 ELSE 200 END, NULL
FROM webhook_events WHERE partner_id = %(own)s
"""

DAY_TOTALS: Final = """
INSERT INTO partner_days
  (partner_id, day, part, orders, completed, volume_usd, markup_usd, base_fee_share_usd)
SELECT partner_id, utc_day(created_at), get_byte(token_hash, 0) %% 16, count(*), %(sums)s
FROM orders WHERE pay_in_address LIKE 'bench %%' GROUP BY 1, 2, 3
ON CONFLICT (partner_id, day, part) DO UPDATE SET orders = EXCLUDED.orders,
  completed = EXCLUDED.completed, volume_usd = EXCLUDED.volume_usd,
  markup_usd = EXCLUDED.markup_usd, base_fee_share_usd = EXCLUDED.base_fee_share_usd
"""

SUMS: Final = """
  count(*) FILTER (WHERE state = 'completed'),
  coalesce(sum(source_amount * 100) FILTER (WHERE state = 'completed'), 0),
  coalesce(sum(source_amount * 0.5) FILTER (WHERE state = 'completed'), 0),
  coalesce(sum(source_amount * 0.1) FILTER (WHERE state = 'completed'), 0)
"""

# The service counts new orders in the meantime. All orders are counted here, and it continues from
# there.
TOTALS: Final = (
    "LOCK TABLE counted_orders",
    DAY_TOTALS.replace("%(sums)s", SUMS).replace("%%", "%"),
    """
INSERT INTO partner_totals (partner_id, part, volume_usd, markup_usd, base_fee_share_usd)
SELECT partner_id, part, sum(volume_usd), sum(markup_usd), sum(base_fee_share_usd)
FROM partner_days GROUP BY 1, 2 ON CONFLICT (partner_id, part) DO NOTHING
""",
    """
INSERT INTO code_totals (code_id, part, orders, volume_usd, earnings_usd)
SELECT code_id, get_byte(token_hash, 0) % 16, count(*),
  coalesce(sum(source_amount * 100) FILTER (WHERE state = 'completed'), 0),
  coalesce(sum(source_amount * 0.5) FILTER (WHERE state = 'completed'), 0)
FROM orders WHERE code_id IS NOT NULL GROUP BY 1, 2 ON CONFLICT (code_id, part) DO NOTHING
""",
    """
UPDATE counted_orders SET up_to = coalesce((
  SELECT id FROM orders WHERE id < first_id_at(now() - interval '1 minute')
  ORDER BY id DESC LIMIT 1), up_to)
""",
)


def fill(url: str, own: str, orders: int) -> None:
    """Add this many orders of the last 90 days, nearly all of the partner with the id `own`."""
    with psycopg.connect(url) as connection:
        _disable_triggers(connection)
        connection.execute(OTHERS)
        connection.execute(OWN_CODES, {"own": own, "codes": list(CODES)})
        indexes = connection.execute(INDEXES).fetchall()
        for _, name in indexes:
            connection.execute(f"DROP INDEX {name}".encode())
        row = connection.execute("SELECT now()::text").fetchone()
    now = row[0] if row else ""
    for first, last in _batches(orders):
        print(f"orders {first:,} to {last:,}", file=sys.stderr)
        parameters = {
            "own": own,
            "others_every": OTHERS_EVERY,
            "days": DAYS,
            "now": now,
            "orders": orders,
            "first": first,
            "last": last,
        }
        with psycopg.connect(url) as connection:
            _disable_triggers(connection)
            connection.execute(NUMBERED, parameters)
            connection.execute(ORDERS, parameters)
            connection.execute(DEPOSITS)
    _complete(url, own, orders, indexes)


def _complete(url: str, own: str, orders: int, indexes: Sequence[tuple[str, str]]) -> None:
    """Add postings and events of the newest orders, compute the totals, and build the indexes."""
    with psycopg.connect(url) as connection:
        _disable_triggers(connection)
        for table, statement, newest in (
            ("postings", POSTINGS, WITH_POSTINGS),
            ("events", EVENTS, WITH_EVENTS),
        ):
            print(table, file=sys.stderr)
            first = connection.execute(
                "SELECT id FROM orders ORDER BY id DESC OFFSET %s LIMIT 1",
                (min(newest, orders - 1),),
            ).fetchone()
            connection.execute(statement, {"own": own, "from": first[0] if first else None})
        connection.execute(ATTEMPTS, {"own": own})
        for sums in TOTALS:
            print(sums.split()[2], file=sys.stderr)
            connection.execute(sums.encode())
        for definition, name in indexes:
            print(f"index {name}", file=sys.stderr)
            connection.execute(definition.encode())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def _disable_triggers(connection: "psycopg.Connection[tuple[str, str]]") -> None:
    """Disable triggers in this transaction, and let indexes be built in memory."""
    connection.execute("SET LOCAL session_replication_role = replica")
    connection.execute("SET LOCAL synchronous_commit = off")
    connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
    connection.execute("SET LOCAL work_mem = '256MB'")


def _batches(orders: int) -> Iterator[tuple[int, int]]:
    for first in range(1, orders + 1, BATCH):
        yield first, min(first + BATCH - 1, orders)
