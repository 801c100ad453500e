"""Kills primaries of a Valkey cluster under signed calls: `python -m tests.failovers`."""

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.conftest import memory_directory
from tests.failovers.campaign import Campaign, service
from tests.support.servers.valkey.cluster import ValkeyCluster


def main() -> None:
    """Run a campaign and print its verdict; exit with status 1 unless everything is exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sg-failovers-", dir=memory_directory()) as directory:
        path = Path(directory)
        path.chmod(0o755)  # PostgreSQL runs as another user if this process runs as root
        with ValkeyCluster(path / "valkey") as cluster, service(path, cluster) as up:
            campaign = Campaign(up, cluster, seed=arguments.seed)
            verdict = campaign.run(calls=arguments.calls, kills=arguments.kills)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(verdict)).decode() + "\n")
    if not verdict.is_exact:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
