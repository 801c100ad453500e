"""`python -m bench.locust SCENARIO`: load as partners make it, headless and bounded in time.

Without --data-dir it starts a service of its own, with one worker, and a partner whose budget is
as good as unlimited; with it, it loads the `swapgate up` that runs there. Locust is Python: one
process of it makes some 2,000 signed calls a second, less than one worker answers. For a limit of
the server take `python -m bench.limits`; this one shows how it feels to a partner.
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
    """Run a scenario; exit with 1 where anything failed."""
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
    parser.add_argument("--rate", type=float, default=500, help="quotes a second, of `quotes`")
    parser.add_argument("--data-dir", type=Path, help="of a `swapgate up` that is running")
    parser.add_argument("--html", type=Path, help=f"where the report goes, instead of {REPORTS}/")
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
    print(f"the report is in {html}")
    return done.returncode


def _file(scenario: str) -> str:
    found = find_spec(f"bench.locust.{scenario}")
    if found is None or found.origin is None:
        raise RuntimeError(f"bench/locust/{scenario}.py is missing")
    return found.origin


def _demo(servers: Servers) -> dict[str, str]:
    demo: dict[str, str] = json.loads((servers.data_dir / "demo.json").read_bytes())
    return demo


if __name__ == "__main__":
    main()
