"""Orders on real nodes, with faults derived from a seed: `python -m tests.chain_faults`."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.chain_faults.campaign import Campaign
from tests.support.chains import hostile
from tests.support.chains.world import World


def main() -> None:
    """Run a campaign and print its verdict; exit with status 1 unless everything is exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sg-chains-") as directory:
        Path(directory).chmod(0o755)  # PostgreSQL runs as another user if this process runs as root
        world = World(
            Path(directory), external_signer=True, other_token=hostile.refusing_token_code()
        )
        try:
            campaign = Campaign(world, seed=arguments.seed)
            campaign.run(arguments.orders)
            verdict = campaign.verdict()
        finally:
            world.close()
    seconds = round(time.monotonic() - began)
    document = {"seed": arguments.seed, **verdict, "seconds": seconds}
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    if verdict["ended"] != verdict["orders"] or verdict["differences"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
