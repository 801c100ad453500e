"""`python -m bench.cabinet`: how long each page of the cabinet takes with ten million orders.

Of one partner, who has nearly all of them. The time is that of a whole request over loopback, to
one worker that does nothing else; lists and orders are looked at anywhere in the past, so that
little of what is read was read before. Filling takes minutes; a data directory that is kept is
filled once.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg

from bench.cabinet.fill import fill
from bench.cabinet.visitor import Visitor
from bench.limits.servers import Servers
from bench.report import Report, Row, keep, report, table
from domain.ids import made_at

ORDERS: Final = 10_000_000
GOAL_MS: Final = 30.0
GOAL_BYTES: Final = 100_000
P95: Final = 0.95

FILLED: Final = "SELECT partner_id::text FROM codes WHERE code = 'rare-one'"
ANYWHERE: Final = """
SELECT id::text FROM orders TABLESAMPLE SYSTEM (0.02)
WHERE partner_id = %s AND state = 'completed' ORDER BY md5(id::text) LIMIT 400
"""
SOME: Final = """
SELECT id::text FROM orders WHERE partner_id = %s AND state = 'completed' LIMIT 400
"""

PAINTED: Final = (
    *("/partner/dashboard", "/partner/orders", "/partner/codes", "/partner/keys"),
    *("/partner/webhooks", "/partner/payout-history", "/partner/team", "/partner/account"),
)

PathOf = Callable[[int], str]


def main() -> None:
    """Fill, look at all pages in turn, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--looks", type=int, default=40, help="at each page in each round")
    parser.add_argument("--data-dir", type=Path, help="kept, and filled only where it is empty")
    parser.add_argument("--out", type=Path, help="where the figures go, instead of bench/results/")
    options = parser.parse_args()
    with Servers(options.data_dir) as servers:
        own = _filled(servers, options.orders)
        anywhere = _anywhere(servers, own)
        visitor = Visitor(servers.ours().port)
        given = servers.command("partner", "password", own)
        visitor.sign_in(str(given["email"]), str(given["password"]))
        rows = _measured(visitor, pages(anywhere), options.rounds, options.looks)
        paint = {path: float(visitor.first_paint(path)) for path in PAINTED}
        visitor.close()
    rows += [
        Row(f"first paint of {path}", "paint", None, [{"bytes": n}]) for path, n in paint.items()
    ]
    found = report(
        "cabinet",
        rows,
        options={"orders": options.orders, "rounds": options.rounds, "looks": options.looks},
    )
    print(shown(found))
    print(f"\nkept in {keep(found, options.out)}")


def pages(anywhere: Sequence[str]) -> Mapping[str, PathOf]:
    """Return how each page's address is made for the nth look; `anywhere` are orders of any age."""
    day = made_at(UUID(anywhere[0])).date()

    def some(number: int) -> str:
        return anywhere[number % len(anywhere)]

    def orders(query: str, *, deep: bool = False) -> PathOf:
        if not deep:
            return lambda _: f"/partner/orders?{query}"
        return lambda number: f"/partner/orders?{query}&older={some(number)}"

    return {
        "dashboard": lambda _: "/partner/dashboard",
        "dashboard by week": lambda _: "/partner/dashboard?by=week&show=volume",
        "dashboard by month": lambda _: "/partner/dashboard?by=month&show=orders",
        "weight budget": lambda _: "/partner/dashboard/budget",
        "orders": orders(""),
        "orders, anywhere": orders("", deep=True),
        **{
            f"orders, {status}": orders(f"status={status}")
            for status in ("NEW", "PENDING", "EXCHANGE", "DONE", "EXPIRED", "EMERGENCY")
        },
        "orders, EXPIRED, anywhere": orders("status=EXPIRED", deep=True),
        "orders, a code with half of them": orders("code=half"),
        "orders, a code with two": orders("code=rare-one"),
        "orders, an asset in a tenth": orders("asset=doge", deep=True),
        "orders, an asset in ten of them": orders("asset=xmr"),
        "orders, an asset in none": orders("asset=zec"),
        "orders, code and asset that never meet": orders("code=half&asset=doge", deep=True),
        "orders, asset and status that never meet": orders("asset=doge&status=EXPIRED", deep=True),
        "orders, three filters": orders("code=half&asset=btc&status=DONE", deep=True),
        "orders, a day": lambda _: f"/partner/orders?since={day}&until={day}",
        "orders, by how the id begins": lambda number: f"/partner/orders?id={some(number)[:13]}",
        "orders, what is new": lambda number: (
            f"/partner/orders-live?ids={','.join(anywhere[number : number + 25])}"
        ),
        "an order": lambda number: f"/partner/orders/{some(number)}",
        "payouts": lambda _: "/partner/payout-history",
        "statement": lambda _: "/partner/payout-history/open",
        "payout details": lambda _: "/partner/payout-history/details",
        "codes": lambda _: "/partner/codes",
        "keys": lambda _: "/partner/keys",
        "webhooks": lambda _: "/partner/webhooks",
        "team": lambda _: "/partner/team",
        "account": lambda _: "/partner/account",
    }


def _filled(servers: Servers, orders: int) -> str:
    """Return the partner that has the orders."""
    url = servers.instance.owner_database_url
    with psycopg.connect(url) as connection:
        row = connection.execute(FILLED).fetchone()
    if row is not None:
        return str(row[0])
    print(f"filling in {orders:,} orders", file=sys.stderr)
    fill(url, servers.partner.id, orders)
    return servers.partner.id


def _anywhere(servers: Servers, own: str) -> list[str]:
    with psycopg.connect(servers.instance.owner_database_url) as connection:
        found = connection.execute(ANYWHERE, (own,)).fetchall()
        found = found or connection.execute(SOME, (own,)).fetchall()
    return [str(row[0]) for row in found]


def _measured(visitor: Visitor, paths: Mapping[str, PathOf], rounds: int, looks: int) -> list[Row]:
    for path in paths.values():
        visitor.look(path(0))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in paths}
    for number in range(rounds):
        for name, path in paths.items():
            seen = [visitor.look(path(number * looks + look)) for look in range(looks)]
            times = sorted(one.milliseconds for one in seen)
            found[name].append(
                {
                    "p50": round(statistics.median(times), 3),
                    "p95": round(times[int(len(times) * P95)], 3),
                    "worst": round(times[-1], 3),
                    "bytes": statistics.median(one.transferred for one in seen),
                }
            )
    return [Row(name, "page", None, rounds_) for name, rounds_ in found.items()]


def shown(found: Report) -> str:
    """Return the table, with what is over its goal marked."""

    def figure(name: str, digits: int = 1) -> Callable[[Row], str]:
        return lambda row: f"{row.median(name):,.{digits}f}" if row.values(name) else ""

    def goal(row: Row) -> str:
        if row.group == "paint":
            return "" if row.median("bytes") <= GOAL_BYTES else "over"
        return "" if row.median("p95") <= GOAL_MS else "over"

    columns = {
        "p50 ms": figure("p50"),
        "p95 ms": figure("p95"),
        "worst": figure("worst"),
        "bytes": figure("bytes", 0),
        f"p95 ≤ {GOAL_MS:.0f} ms": goal,
    }
    head = f"{found.machine}, commit {found.commit}, {found.options['orders']:,} orders"
    return f"{head}\n\n{table(found.rows, columns)}"


if __name__ == "__main__":
    main()
