"""`python -m bench.locust SCENARIO`: load as partners cause it, headless and limited in time.

Without --data-dir it starts its own service with one worker, and a partner with a practically
unlimited weight budget; with it, it loads the `swapgate up` that is running there. Locust is
written in Python: one process makes about 2,000 signed calls per second, less than one worker
answers. To measure the limits of the server, use `python -m bench.limits`; this benchmark shows the
latency that a partner experiences.
"""

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec

from bench.limits.servers import Servers
from bench.processes import python

SCENARIOS: Final = ("quotes", "mixed", "cabinet", "feeds")
ADDRESSES: Final = 20_000
REPORTS: Final = Path(".build") / "locust"


def main() -> None:
    """Run a scenario; exit with status 1 if any call failed."""
    options = _options()
    with Servers(options.data_dir, is_up=options.data_dir is not None) as servers:
        if options.data_dir is None:
            servers.provide_addresses(ADDRESSES)
            base_url = f"http://127.0.0.1:{servers.ours().port}"
        else:
            base_url = str(_demo(servers)["baseUrl"])
        sys.exit(_run(options, servers, base_url))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--rate", type=float, default=500, help="calls per second of `quotes`")
    parser.add_argument("--data-dir", type=Path, help="data directory of a running `swapgate up`")
    parser.add_argument("--html", type=Path, help=f"report file; default: a file in {REPORTS}/")
    return parser.parse_args()


def _run(options: argparse.Namespace, servers: Servers, base_url: str) -> int:
    html = options.html or REPORTS / f"{options.scenario}.html"
    html.parent.mkdir(parents=True, exist_ok=True)
    argv = python("-m", "locust", "-f", _file(options.scenario), "--headless", "--only-summary")
    argv += ["--users", str(options.users), "--spawn-rate", str(options.users)]
    argv += ["--run-time", f"{options.seconds}s", "--stop-timeout", "5", "--host", base_url]
    argv += ["--html", str(html), "--loglevel", "WARNING", "--exit-code-on-error", "1"]
    demo = _demo(servers)
    environment = {
        **os.environ,
        "BENCH_PARTNER": msgspec.json.encode(servers.partner).decode(),
        "BENCH_CABINET": json.dumps(
            {"email": demo["cabinetEmail"], "password": demo["cabinetPassword"]}
        ),
        "QUOTE_RATE": str(options.rate),
    }
    done = subprocess.run(argv, check=False, env=environment)
    print(f"report: {html}")
    return done.returncode


def _file(scenario: str) -> str:
    spec = find_spec(f"bench.locust.{scenario}")
    if spec is None or spec.origin is None:
        raise RuntimeError(f"bench/locust/{scenario}.py is missing")
    return spec.origin


def _demo(servers: Servers) -> dict[str, str]:
    demo: dict[str, str] = json.loads((servers.data_dir / "demo.json").read_bytes())
    return demo


if __name__ == "__main__":
    main()
