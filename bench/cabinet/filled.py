"""A service whose database has millions of orders of one partner, filled once."""

import argparse
import sys
from pathlib import Path
from typing import Final

import psycopg

from bench.cabinet.fill import fill
from bench.limits.servers import Servers

ORDERS: Final = 10_000_000
SAMPLE: Final = 400

FILLED: Final = "SELECT partner_id::text FROM codes WHERE code = 'rare-one'"
SAMPLED: Final = """
SELECT id::text FROM orders TABLESAMPLE SYSTEM (0.02)
WHERE partner_id = %s AND state = 'completed' ORDER BY md5(id::text) LIMIT %s
"""
FIRST: Final = """
SELECT id::text FROM orders WHERE partner_id = %s AND state = 'completed' LIMIT %s
"""


def parse_options(description: str | None, *, requests: int) -> argparse.Namespace:
    """Return the options of a bench of such a service; `requests` is a default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=requests, help="per row and round")
    parser.add_argument("--data-dir", type=Path, help="persistent; filled only if it is empty")
    parser.add_argument("--out", type=Path, help="output file; default: a file in bench/results/")
    return parser.parse_args()


def fill_once(servers: Servers, orders: int) -> str:
    """Fill the database unless it is filled, and return the id of the partner with the orders."""
    url = servers.instance.owner_database_url
    with psycopg.connect(url) as connection:
        row = connection.execute(FILLED).fetchone()
    if row is not None:
        return str(row[0])
    print(f"filling in {orders:,} orders", file=sys.stderr)
    fill(servers.superuser_url, servers.partner.id, orders)
    return servers.partner.id


def sample_orders(servers: Servers, partner_id: str) -> list[str]:
    """Return ids of completed orders from all of the past."""
    with psycopg.connect(servers.instance.owner_database_url) as connection:
        rows = connection.execute(SAMPLED, (partner_id, SAMPLE)).fetchall()
        if len(rows) < SAMPLE:  # of few orders
            rows = connection.execute(FIRST, (partner_id, SAMPLE)).fetchall()
    return [str(row[0]) for row in rows]
