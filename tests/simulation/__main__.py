"""Runs of the simulation: `python -m tests.simulation --runs 100 --seed 1` (`make simulate`)."""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from persistence.embedded.postgres import EmbeddedPostgres
from persistence.postgres.migrate import apply_migrations
from tests.conftest import DatabaseUrls, memory_directory, permit_damage
from tests.simulation.defects import DEFECTS
from tests.simulation.run import STEPS, simulate
from tests.simulation.world.preparation import prepare
from tests.simulation.world.world import Options


@contextmanager
def migrated_database() -> Iterator[DatabaseUrls]:
    """Start a PostgreSQL server with a migrated database, for one worker."""
    with tempfile.TemporaryDirectory(prefix="sg-sim-", dir=memory_directory()) as directory:
        Path(directory).chmod(0o755)  # PostgreSQL runs as another user if this runs as root
        server = EmbeddedPostgres(Path(directory) / "postgres", durable=False)
        server.start()
        try:
            apply_migrations(server.url())
            permit_damage(server)
            yield DatabaseUrls(
                owner=server.url(),
                admin=server.url(user="swapgate_admin"),
                gateway=server.url(user="swapgate_gateway"),
                settlement=server.url(user="swapgate_settlement"),
            )
        finally:
            server.stop()


async def _runs(urls: DatabaseUrls, arguments: argparse.Namespace) -> int:
    prepared = await prepare(urls)
    if arguments.defect:
        DEFECTS[arguments.defect](pytest.MonkeyPatch(), prepared.storage)
    made, failed, began = 0, 0, time.monotonic()
    ended, seen = Counter[str](), Counter[str]()
    for seed in range(arguments.seed, arguments.seed + arguments.runs):
        run, error = await simulate(prepared, seed, steps=arguments.steps, options=Options())
        made += 1
        ended += run.ended
        seen += run.seen
        if arguments.runs == 1:
            sys.stdout.writelines(f"{line}\n" for line in run.trace.text(details=arguments.trace))
        if error is not None:
            failed += 1
            if arguments.defect:
                sys.stdout.write(f"found after {made} runs: {error}\n")
                break
            sys.stdout.write(f"seed {seed}: {type(error).__name__}: {error}\n")
            if not isinstance(error, AssertionError):
                traceback.print_exception(error)
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{made} runs, {failed} failed, {seconds:.0f} s, "
        f"{made / seconds:.2f} runs a second; orders: {dict(ended)}\n"
        f"seen: {dict(seen)}\n"
    )
    prepared.storage.close()
    return failed


def main() -> None:
    """Run the simulation; exit with status 1 if a run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--trace", action="store_true", help="print every call to a port")
    parser.add_argument("--defect", choices=DEFECTS, help="put a defect back; end when it is found")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the database server is stopped, too
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
    with migrated_database() as urls:
        failed = asyncio.run(_runs(urls, arguments))
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
