"""Kills primaries of PostgreSQL under load: `python -m tests.promotions`."""

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.conftest import memory_directory
from tests.promotions.campaign import Campaign, service
from tests.support.servers.own.replicated import replicated_postgres


def main() -> None:
    """Run a campaign and print its verdict; exit with status 1 unless everything is exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--promotions", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sg-promotions-", dir=memory_directory()) as directory:
        path = Path(directory)
        path.chmod(0o755)  # PostgreSQL runs as another user if this process runs as root
        with replicated_postgres(path / "postgres") as servers, service(path, servers) as up:
            verdict = Campaign(up, servers, seed=arguments.seed).run(arguments.promotions)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(verdict)).decode() + "\n")
    if not verdict.is_exact:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
