"""`python -m bench.scale`: quotes, creates and order reads while partners and orders grow tenfold.

Bare Granian is measured as well at each size, and rates are divided by its rate, so that a change
of the machine's speed is not mistaken for an effect of the database.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.calls import Call, encode, succeeded
from bench.limits.closed_loop import WrkMissing, check_wrk
from bench.limits.plan import CONNECTIONS_OF_CREATES, Case
from bench.limits.servers import Servers
from bench.report import Report, Row, report, save, table
from bench.scale.fill import fill, own_orders

SIZES: Final = "1000:10000,10000:100000,100000:1000000"
MAX_READ: Final = 2_000
BARE: Final = "bare"
READ: Final = "order read"
Size = tuple[int, int]


def main() -> None:
    """Fill and measure each size; print the changes since the smallest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default=SIZES, help="partners:orders, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--out", type=Path, help="output file; default: a file in bench/results/")
    options = parser.parse_args()
    try:
        check_wrk()
    except WrkMissing as missing:
        sys.exit(str(missing))
    sizes = [_size(text) for text in options.sizes.split(",")]
    result = _measured(sizes, options)
    print(shown(result, sizes))
    print(f"\nsaved as {save(result, options.out)}")


def _size(text: str) -> Size:
    partners, _, orders = text.partition(":")
    return int(partners), int(orders)


def _measured(sizes: Sequence[Size], options: argparse.Namespace) -> Report:
    rows: list[Row] = []
    with Servers() as servers:
        ours = servers.ours()
        response = succeeded(ours.port, servers.quote)
        bare = servers.on_granian("bare", {"/v1/price": response}, batch=True)
        before: Size = (0, 0)
        for size in sizes:
            print(f"filling: {_words(size)}", file=sys.stderr)
            url, partner_id = servers.superuser_url, servers.partner.id
            fill(url, partner_id, partners=(before[0], size[0]), orders=(before[1], size[1]))
            servers.provide_addresses(int((options.rounds + 1) * options.seconds * 8_000))
            before = size
            orders = own_orders(url, partner_id, MAX_READ)
            bodies = [encode({"id": order, "token": token}) for order, token in orders]
            read = Call("/v1/order", bodies, signer=servers.partner)
            succeeded(ours.port, read)
            cases = [
                Case(BARE, "scale", bare, servers.quote, None),
                Case("signed quote", "scale", ours, servers.quote, BARE),
                Case(READ, "scale", ours, read, BARE),
                Case(
                    "create",
                    "scale",
                    ours,
                    servers.create,
                    BARE,
                    connections=CONNECTIONS_OF_CREATES,
                    shared=True,
                ),
            ]
            rows += _rows(servers, cases, size, options)
    return report("scale", rows, options={"rounds": options.rounds, "seconds": options.seconds})


def _rows(
    servers: Servers, cases: Sequence[Case], size: Size, options: argparse.Namespace
) -> list[Row]:
    for case in cases:
        case.measure(servers, seconds=1)
    rounds: dict[str, list[dict[str, float]]] = {case.name: [] for case in cases}
    for _ in range(options.rounds):
        for case in cases:
            figures = msgspec.structs.asdict(case.measure(servers, seconds=options.seconds))
            rounds[case.name].append(
                {name: round(value, 4) for name, value in figures.items() if value is not None}
            )
    return [
        Row(
            _named(case.name, size),
            _words(size),
            case.base and _named(case.base, size),
            rounds[case.name],
        )
        for case in cases
    ]


def shown(result: Report, sizes: Sequence[Size]) -> str:
    """Return the table, with the change of each rate over bare Granian since the smallest size."""
    smallest = sizes[0]

    def over_bare(row: Row) -> float | None:
        return result.ratio(row.name, row.base) if row.base else None

    def change(row: Row) -> str:
        first = result.row(row.name.replace(row.group, _words(smallest)))
        now, then = over_bare(row), over_bare(first) if first else None
        return f"{now / then - 1:+.1%}" if now and then and first is not row else ""

    return "\n".join(
        [
            f"{result.machine}, commit {result.commit}, {len(result.rows[0].rounds)} rounds",
            "",
            table(
                result.rows,
                {
                    "rps": lambda row: f"{row.median('rps'):,.0f}",
                    "over bare": lambda row: f"{ratio:.2f}" if (ratio := over_bare(row)) else "",
                    "change": change,
                    "p50 ms": lambda row: f"{row.median('p50'):.2f}",
                    "p99 ms": lambda row: f"{row.median('p99'):.2f}",
                    "failures": lambda row: f"{sum(row.values('failures')):.0f}",
                },
            ),
        ]
    )


def _named(case: str, size: Size) -> str:
    return f"{case}: {_words(size)}"


def _words(size: Size) -> str:
    return f"{size[0]:,} partners, {size[1]:,} orders"


if __name__ == "__main__":
    main()
