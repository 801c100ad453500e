"""`python -m bench.firm_quotes`: the server's CPU time of a signed firm quote, and of a price.

The two calls alternate on one worker, and the medians and their ratio are printed.
"""

import argparse
import statistics

from bench.limits.closed_loop import check_wrk, measure
from bench.limits.servers import Servers
from bench.machine import commit, machine

CONNECTIONS = 32
WARM_UP_SECONDS = 2


def main() -> None:
    """Load one worker with prices and firm quotes in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=4)
    options = parser.parse_args()
    check_wrk()
    cpu: dict[str, list[float]] = {"price": [], "quote": []}
    with Servers() as servers:
        worker = servers.ours()
        worker.pin(0)
        calls = {"price": servers.quote, "quote": servers.firm_quote}
        for call in calls.values():
            measure(worker, call, seconds=WARM_UP_SECONDS, connections=CONNECTIONS, cores=(1,))
        for _ in range(options.rounds):
            for name, call in calls.items():
                measured = measure(
                    worker, call, seconds=options.seconds, connections=CONNECTIONS, cores=(1,)
                )
                if measured.failures:
                    raise RuntimeError(f"{measured.failures} calls of /v1/{name} failed")
                cpu[name].append(measured.cpu_us)
    medians = {name: statistics.median(times) for name, times in cpu.items()}
    print(f"{machine()}, commit {commit()}: CPU time per response, medians of {options.rounds}\n")
    for name, median in medians.items():
        print(f"/v1/{name}: {median:.1f} us ({min(cpu[name]):.1f} to {max(cpu[name]):.1f})")
    pairs = [quote / price for price, quote in zip(cpu["price"], cpu["quote"], strict=True)]
    print(
        f"ratio: {medians['quote'] / medians['price']:.3f}; of pairs {statistics.median(pairs):.3f}"
    )


if __name__ == "__main__":
    main()
