"""`python -m bench.sockets`: what callers notice of 10,000 hostile sockets from 20 addresses.

Attacks a running `swapgate up`, found by its data directory, with sockets of each kind in turn, all
of which are opened again when they are closed, and prints for each the latencies of an unrelated
client and of a partner's signed calls, and the memory that the service and its sockets use more.
Start the service with high limits of unsigned quotes per address.
"""

import argparse
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

from bench.calls import Partner
from bench.processes import family, resident_megabytes
from bench.sockets.attack import Attack, Kind, Progress, hostile_sockets
from bench.sockets.callers import Caller

PAGE_BYTES = 4096
UNRELATED, PARTNERS = "127.0.9.1", "127.0.9.2"


def main() -> None:
    """Attack, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(".swapgate"))
    parser.add_argument("--pid", type=int, required=True, help="the process of `swapgate up`")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--sockets", type=int, default=10_000)
    parser.add_argument("--addresses", type=int, default=20)
    parser.add_argument("--kinds", nargs="*", type=Kind, default=list(Kind))
    options = parser.parse_args()
    demo = json.loads((options.data_dir / "demo.json").read_bytes())
    partner = Partner(id="", api_key=demo["apiKey"], api_secret=demo["apiSecret"])
    port = urlsplit(demo["baseUrl"]).port or 80
    measure("nobody else", port, partner, seconds=options.seconds / 3)
    for kind in options.kinds:
        attack = Attack(port=port, kind=kind, sockets=options.sockets, addresses=options.addresses)
        before = megabytes(options.pid)
        with hostile_sockets(attack) as progress:
            title = f"{options.sockets} sockets, {kind}"
            arrival = options.sockets / attack.per_second + 1
            for when, seconds in (("arriving", arrival), ("since then", options.seconds)):
                measure(f"{title}, {when}", port, partner, seconds=seconds, progress=progress)
            more = [now - then for now, then in zip(megabytes(options.pid), before, strict=True)]
            print(
                f"  memory: processes +{more[0]:.0f} MB, sockets of the machine +{more[1]:.0f} MB"
            )
        time.sleep(3)


def measure(
    title: str, port: int, partner: Partner, *, seconds: float, progress: Progress | None = None
) -> None:
    """Call beside what goes on, and print the latencies."""
    callers = [
        Caller(port, address=UNRELATED, partner=None),
        Caller(port, address=PARTNERS, partner=partner),
    ]
    for caller in callers:
        caller.start()
    time.sleep(seconds)
    state = f": {progress.open} open, {progress.closed} closed so far" if progress else ""
    print(f"{title}{state}")
    for caller in callers:
        print(f"  {caller.stopped()}", flush=True)


def megabytes(pid: int) -> tuple[float, float]:
    """Return the resident memory of a process and its descendants, and of all TCP sockets."""
    line = next(
        line
        for line in Path("/proc/net/sockstat").read_text().splitlines()
        if line.startswith("TCP:")
    )
    pages = int(line.split()[-1])
    return sum(map(resident_megabytes, family(pid))), pages * PAGE_BYTES / 1e6


if __name__ == "__main__":
    main()
