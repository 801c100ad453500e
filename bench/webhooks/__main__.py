"""`python -m bench.webhooks steady|isolation|kills`: prints figures as JSON."""

import argparse
import statistics
import sys

import msgspec

from bench.webhooks.runs import NotDelivered, isolation, kills, logs, steady
from bench.webhooks.world import World


def main() -> None:
    """Run one mode and print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=["steady", "isolation", "kills"])
    parser.add_argument("--workers", type=int, default=2, help="delivery processes")
    parser.add_argument("--endpoints", type=int, default=50)
    parser.add_argument("--rate", type=float, default=1_000, help="events per second")
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--batch", type=int, default=20, help="events per commit")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument(
        "--targets",
        nargs="+",
        choices=["delivery", "valkey", "postgresql"],
        default=["delivery", "valkey", "postgresql"],
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--failing", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--timeout", type=float, default=120, help="seconds to wait for the last events"
    )
    options = parser.parse_args()
    with World(workers=options.workers) as world:
        try:
            result = _run(world, options)
        except NotDelivered as error:
            sys.exit(f"{error}\n{logs(world.directory)}")
    print(msgspec.json.format(msgspec.json.encode(result)).decode())


def _run(world: World, options: argparse.Namespace) -> object:
    if options.mode == "steady":
        return steady(
            world,
            endpoints=options.endpoints,
            events=options.events,
            rate=options.rate,
            batch=options.batch,
            timeout=options.timeout,
        )
    if options.mode == "kills":
        return kills(
            world,
            endpoints=options.endpoints,
            events=options.events,
            rate=options.rate,
            number=options.kills,
            seed=options.seed,
            targets=options.targets,
            timeout=options.timeout,
        )
    result = isolation(
        world,
        healthy=options.endpoints - options.failing,
        failing=options.failing,
        events=options.events,
        rate=options.rate,
        rounds=options.rounds,
        timeout=options.timeout,
    )
    healthy = statistics.median(run.p99_seconds for run in result.healthy)
    beside = statistics.median(run.p99_seconds for run in result.beside_failing)
    return {
        "runs": result,
        "p99_healthy": healthy,
        "p99_beside_failing": beside,
        "ratio": beside / healthy,
    }


if __name__ == "__main__":
    main()
