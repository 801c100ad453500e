"""Lets any process fail under a mixed load: `python -m tests.faults`."""

import argparse
import sys
from pathlib import Path

import msgspec

from tests.cluster.partners import running_cluster
from tests.faults.campaign import Campaign
from tests.faults.table import lines


def main() -> None:
    """Run a campaign, print its verdict; exit with status 1 unless all is exact and in time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for the verdict as JSON")
    arguments = parser.parse_args()
    with running_cluster() as (cluster, partners):
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
