"""`python -m bench.cabinet`: response times of each page of the cabinet with ten million orders.

Nearly all of the orders belong to one partner. The time is that of a whole request over loopback to
one worker that does nothing else. Lists and orders are requested from any point in the past, so
that little of what is read is cached. Filling takes minutes; a data directory given with --data-dir
is filled once.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

from bench.cabinet.browser import Browser
from bench.cabinet.filled import fill_once, parse_options, sample_orders
from bench.limits.servers import Servers
from bench.report import Report, Row, report, response_times, save, table
from domain.ids import made_at

GOAL_MS: Final = 30.0
GOAL_BYTES: Final = 100_000

PAINTED: Final = (
    *("/partner/dashboard", "/partner/orders", "/partner/codes", "/partner/keys"),
    *("/partner/webhooks", "/partner/payout-history", "/partner/team", "/partner/account"),
)

PathOf = Callable[[int], str]


def main() -> None:
    """Fill the database, request all pages in turn, and print and save the figures."""
    options = parse_options(__doc__, requests=40)
    with Servers(options.data_dir) as servers:
        partner_id = fill_once(servers, options.orders)
        order_ids = sample_orders(servers, partner_id)
        browser = Browser(servers.ours().port)
        credentials = servers.command("partner", "password", partner_id)
        browser.sign_in(str(credentials["email"]), str(credentials["password"]))
        rows = _measured(browser, pages(order_ids), options.rounds, options.requests)
        paint = {path: float(browser.first_paint(path)) for path in PAINTED}
        browser.close()
    rows += [
        Row(f"first paint of {path}", "paint", None, [{"bytes": n}]) for path, n in paint.items()
    ]
    result = report(
        "cabinet",
        rows,
        options={"orders": options.orders, "rounds": options.rounds, "requests": options.requests},
    )
    print(shown(result))
    print(f"\nsaved as {save(result, options.out)}")


def pages(order_ids: Sequence[str]) -> Mapping[str, PathOf]:
    """Return for each page a function from the number of a request to its path."""
    day = made_at(UUID(order_ids[0])).date()

    def order_id(number: int) -> str:
        return order_ids[number % len(order_ids)]

    def orders(query: str, *, deep: bool = False) -> PathOf:
        if not deep:
            return lambda _: f"/partner/orders?{query}"
        return lambda number: f"/partner/orders?{query}&older={order_id(number)}"

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
        "orders, a code of half of them": orders("code=half"),
        "orders, a code of two": orders("code=rare-one"),
        "orders, an asset of a tenth": orders("asset=doge", deep=True),
        "orders, an asset of ten": orders("asset=xmr"),
        "orders, an asset of none": orders("asset=zec"),
        "orders, code and asset never combined": orders("code=half&asset=doge", deep=True),
        "orders, asset and status never combined": orders("asset=doge&status=EXPIRED", deep=True),
        "orders, three filters": orders("code=half&asset=btc&status=DONE", deep=True),
        "orders, a day": lambda _: f"/partner/orders?since={day}&until={day}",
        "orders, by prefix of the id": lambda number: f"/partner/orders?id={order_id(number)[:13]}",
        "orders, live update": lambda number: (
            f"/partner/orders-live?ids={','.join(order_ids[number : number + 25])}"
        ),
        "an order": lambda number: f"/partner/orders/{order_id(number)}",
        "payouts": lambda _: "/partner/payout-history",
        "statement": lambda _: "/partner/payout-history/open",
        "payout details": lambda _: "/partner/payout-history/details",
        "codes": lambda _: "/partner/codes",
        "keys": lambda _: "/partner/keys",
        "webhooks": lambda _: "/partner/webhooks",
        "team": lambda _: "/partner/team",
        "account": lambda _: "/partner/account",
    }


def _measured(
    browser: Browser, paths: Mapping[str, PathOf], rounds: int, requests: int
) -> list[Row]:
    for path in paths.values():
        browser.get(path(0))
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in paths}
    for number in range(rounds):
        for name, path in paths.items():
            loaded = [browser.get(path(number * requests + index)) for index in range(requests)]
            times = [page.milliseconds for page in loaded]
            measured[name].append(
                {
                    **response_times(times),
                    "bytes": statistics.median(page.transferred for page in loaded),
                }
            )
    return [Row(name, "page", None, figures) for name, figures in measured.items()]


def shown(result: Report) -> str:
    """Return the table; rows that exceed their goal are marked."""

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
    head = f"{result.machine}, commit {result.commit}, {result.options['orders']:,} orders"
    return f"{head}\n\n{table(result.rows, columns)}"


if __name__ == "__main__":
    main()
