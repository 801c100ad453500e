"""`python -m bench.order_lists`: response times of lists of orders with ten million orders.

Nearly all of the orders belong to one partner, which requests 100 of them from any point in the
past, and the statuses of 64 of them in turn with a single order. One worker answers over loopback
and does nothing else. A data directory given with --data-dir is filled once, with the orders of
`python -m bench.cabinet`.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection
from typing import Final
from uuid import UUID

from bench.cabinet.filled import fill_once, parse_options, sample_orders
from bench.calls import Call, Partner, encode
from bench.limits.servers import Servers
from bench.processes import Server, cpu_seconds
from bench.report import Report, Row, report, response_times, save, table
from domain.ids import made_at

ORDERS: Final = "/v1/orders"
LISTED: Final = 100
STATUSES: Final = 64
GOAL_MS: Final = 15.0
GOAL_RATIO: Final = 2.5

NextBody = Callable[[], Mapping[str, object]]


def main() -> None:
    """Fill the database, make all calls in turn, and print and save the figures."""
    options = parse_options(__doc__, requests=100)
    with Servers(options.data_dir) as servers:
        partner_id = fill_once(servers, options.orders)
        order_ids = sample_orders(servers, partner_id)
        worker = servers.ours()
        client = _Client(worker, _signer(servers, partner_id))
        rows = _measured(client, calls(order_ids), options.rounds, options.requests)
    result = report(
        "order-lists",
        rows,
        options={"orders": options.orders, "rounds": options.rounds, "requests": options.requests},
    )
    print(shown(result))
    print(f"\nsaved as {save(result, options.out)}")


def calls(order_ids: Sequence[str]) -> Mapping[str, tuple[str, NextBody]]:
    """Return for each call its path, and a function that returns the next body."""
    chosen = random.Random(1)  # the same requests in each run
    moments = [made_at(UUID(one)) for one in order_ids]

    def moment() -> int:
        return int(chosen.choice(moments).timestamp())

    def listed(**filters: object) -> Mapping[str, object]:
        return {"limit": LISTED, **filters}

    return {
        "newest": (ORDERS, listed),
        "anywhere": (ORDERS, lambda: listed(createdTo=moment())),
        "anywhere, changed since": (ORDERS, lambda: listed(updatedFrom=moment())),
        "anywhere, one status": (ORDERS, lambda: listed(createdTo=moment(), status="DONE")),
        "anywhere, a rare status": (ORDERS, lambda: listed(createdTo=moment(), status="EMERGENCY")),
        "anywhere, one outcome": (ORDERS, lambda: listed(createdTo=moment(), outcome="REFUNDED")),
        "anywhere, a code of half of them": (
            ORDERS,
            lambda: listed(createdTo=moment(), code="half"),
        ),
        "a code of two": (ORDERS, lambda: listed(code="rare-one")),
        "an externalId of none": (ORDERS, lambda: listed(externalId="none")),
        "one order": ("/v1/order", lambda: {"id": chosen.choice(order_ids)}),
        "statuses of 64": (
            "/v1/orders/status",
            lambda: {"ids": chosen.sample(order_ids, STATUSES)},
        ),
    }


class _Client:
    """A partner's client with one connection to one worker."""

    def __init__(self, worker: Server, signer: Partner) -> None:
        self._worker = worker
        self._signer = signer
        self._connection = HTTPConnection("127.0.0.1", worker.port, timeout=60)

    def post(self, path: str, body: Mapping[str, object]) -> float:
        """Make a signed call; return its time in ms, and raise RuntimeError unless it succeeds."""
        encoded = encode(body)
        headers = Call(path, [encoded], signer=self._signer).headers(encoded)
        began = time.perf_counter()
        self._connection.request("POST", path, encoded, headers)
        response = self._connection.getresponse()
        content = response.read()
        took = (time.perf_counter() - began) * 1000
        if response.status != 200:
            raise RuntimeError(f"{path} returned {response.status}: {content[:200]!r}")
        return took

    def cpu_seconds(self) -> float:
        """Return the CPU time that the worker has used."""
        return cpu_seconds(self._worker.pids())


def _signer(servers: Servers, partner_id: str) -> Partner:
    key = servers.command("key", "create", partner_id, "--reason", "bench")
    servers.unlimited(partner_id)
    return Partner(partner_id, str(key["apiKey"]), str(key["apiSecret"]))


def _measured(
    client: _Client, calls: Mapping[str, tuple[str, NextBody]], rounds: int, requests: int
) -> list[Row]:
    for path, body in calls.values():
        client.post(path, body())
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (path, body) in calls.items():
            used = client.cpu_seconds()
            times = [client.post(path, body()) for _ in range(requests)]
            used = client.cpu_seconds() - used
            measured[name].append(
                {
                    **response_times(times),
                    "cpu_us": round(used / requests * 1e6, 1),
                }
            )
    return [Row(name, "list", None, figures) for name, figures in measured.items()]


def shown(result: Report) -> str:
    """Return the table, and how 64 statuses compare with one order."""

    def figure(name: str, digits: int = 1) -> Callable[[Row], str]:
        return lambda row: f"{row.median(name):,.{digits}f}"

    columns = {
        "p50 ms": figure("p50"),
        "p95 ms": figure("p95"),
        "worst": figure("worst"),
        "CPU us": figure("cpu_us", 0),
        f"p95 ≤ {GOAL_MS:.0f} ms": lambda row: "" if row.median("p95") <= GOAL_MS else "over",
    }
    ratio = result.ratio("statuses of 64", "one order", "p50")
    head = f"{result.machine}, commit {result.commit}, {result.options['orders']:,} orders"
    return (
        f"{head}\n\n{table(result.rows, columns)}\n\n"
        f"statuses of 64 over one order, p50: {ratio:.2f} (at most {GOAL_RATIO})"
    )


if __name__ == "__main__":
    main()
