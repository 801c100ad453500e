"""`python -m bench.webhooks steady|isolation|kills`: prints figures as JSON."""

import argparse
import statistics
import sys

import msgspec

from bench.webhooks.runs import NotDelivered, isolation, kills, logs, steady
from bench.webhooks.world import World


def main() -> None:
    """Run one mode and print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=["steady", "isolation", "kills"])
    parser.add_argument("--workers", type=int, default=2, help="delivery processes")
    parser.add_argument("--endpoints", type=int, default=50)
    parser.add_argument("--rate", type=float, default=1_000, help="events a second")
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--together", type=int, default=20, help="events that commit at once")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--whom", nargs="+", default=["delivery", "valkey", "postgresql"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sick", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=120, help="seconds for the last events")
    options = parser.parse_args()
    with World(workers=options.workers) as world:
        try:
            found = _run(world, options)
        except NotDelivered as error:
            sys.exit(f"{error}\n{logs(world.directory)}")
    print(msgspec.json.format(msgspec.json.encode(found)).decode())


def _run(world: World, options: argparse.Namespace) -> object:
    if options.mode == "steady":
        return steady(
            world,
            endpoints=options.endpoints,
            events=options.events,
            rate=options.rate,
            together=options.together,
            patience=options.patience,
        )
    if options.mode == "kills":
        return kills(
            world,
            endpoints=options.endpoints,
            events=options.events,
            rate=options.rate,
            number=options.kills,
            seed=options.seed,
            whom=options.whom,
            patience=options.patience,
        )
    found = isolation(
        world,
        healthy=options.endpoints - options.sick,
        sick=options.sick,
        events=options.events,
        rate=options.rate,
        rounds=options.rounds,
        patience=options.patience,
    )
    healthy = statistics.median(verdict.p99_seconds for verdict in found.healthy)
    beside = statistics.median(verdict.p99_seconds for verdict in found.beside_sick)
    return {"runs": found, "p99_healthy": healthy, "p99_beside": beside, "ratio": beside / healthy}


if __name__ == "__main__":
    main()
