"""Runs a load over hours and judges it: `python -m tests.soak --hours 8`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.cluster.partners import running_cluster
from tests.faults.table import lines
from tests.soak.growth import Growth
from tests.soak.soak import Soak


def main() -> None:
    """Run, print the result; exit with status 1 unless nothing was lost and nothing has grown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for the result as JSON")
    arguments = parser.parse_args()
    with running_cluster() as (cluster, partners):
        result = Soak(cluster, partners, seed=arguments.seed).run(arguments.hours * 3600)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    sys.stdout.write("\n".join([*lines(result.verdict), *table(result.growth)]) + "\n")
    if not result.is_exact:
        raise SystemExit(1)


def table(growth: list[Growth]) -> Iterator[str]:
    """Yield the lines of a table of what was measured."""
    yield f"  {'median of':<32}{'part 2':>10}{'last part':>11}{'ratio':>8}"
    for one in growth:
        ratio = one.last / one.second if one.second else 1.0
        note = "" if one.is_within else "  HAS GROWN"
        yield f"  {one.name:<32}{one.second:>10.1f}{one.last:>11.1f}{ratio:>8.3f}{note}"


if __name__ == "__main__":
    main()
