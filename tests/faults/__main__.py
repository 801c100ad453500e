"""Lets any process fail under a mixed load: `python -m tests.faults`."""

import argparse
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.cluster.partners import new_partners
from tests.cluster.topology import Cluster
from tests.conftest import memory_directory
from tests.faults.campaign import Campaign
from tests.faults.table import lines

PARTNERS = 4


def main() -> None:
    """Run a campaign, print its verdict; exit with status 1 unless all is exact and in time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for the verdict as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sg-cluster-", dir=memory_directory()) as directory:
        path = Path(directory)
        path.chmod(0o755)  # PostgreSQL runs as another user if this process runs as root
        with Cluster(path) as cluster, new_partners(cluster, PARTNERS) as partners:
            campaign = Campaign(cluster, partners, seed=arguments.seed)
            verdict = campaign.run_for(arguments.seconds)
    document = msgspec.json.format(msgspec.json.encode(verdict)).decode()
    if arguments.json:
        arguments.json.write_text(document + "\n")
    else:
        sys.stdout.write(document + "\n")
    sys.stdout.write("\n".join(lines(verdict)) + "\n")
    if not verdict.is_exact:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
