"""Send generated requests to a service and check its responses against /openapi.json.

`python -m tests.fuzz`, which `make fuzz` runs, starts a separate service.
"""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.conftest import Running, start_up, stop
from tests.fuzz.campaign import run
from tests.fuzz.named_cases import named_cases
from tests.fuzz.partners import Partners, Signer

BUDGET = "10000000"
MAX_CODES = "10000"


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="sg-fuzz-") as directory:
        if arguments.base_url is not None:
            running = Running(arguments.base_url, arguments.data_dir, None)  # type: ignore[arg-type]
            return _fuzz(running, cases=arguments.cases, seed=arguments.seed)
        running = start_up(Path(directory) / "data")
        try:
            return _fuzz(running, cases=arguments.cases, seed=arguments.seed)
        finally:
            stop(running)


def _fuzz(running: Running, *, cases: int, seed: int) -> int:
    sys.stdout.write(f"seed {seed}: reproduce with --seed {seed} --cases {cases}\n")
    sys.stdout.flush()
    email = f"{secrets.token_hex(8)}@fuzz.example"
    partner = _partner(running, email)
    restricted = [_key(running, email, scope) for scope in ("trade", "read")]
    rotating = _partner(running, f"{secrets.token_hex(8)}@fuzz.example")
    partners = Partners(partner, rotating, restricted)
    named = named_cases(running)
    report = run(running.base_url, partners, named=named, cases=cases, seed=seed)
    sys.stdout.write(report.text() + "\n")
    return 1 if report.failures or report.cases < cases else 0


def _partner(running: Running, email: str) -> Signer:
    created = running.json("partner", "create", "--email", email)
    running.json("partner", "set", email, "--budget", BUDGET, "--max-codes", MAX_CODES)
    return Signer(created["apiKey"], created["apiSecret"])


def _key(running: Running, email: str, scope: str) -> Signer:
    created = running.json("key", "create", email, "--scope", scope)
    return Signer(created["apiKey"], created["apiSecret"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--base-url", help="a running service, instead of a new one")
    parser.add_argument("--data-dir", type=Path, help="the running service's data directory")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
