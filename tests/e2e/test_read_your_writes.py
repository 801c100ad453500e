"""A thousand new codes are each used at once on four workers."""

from pathlib import Path

import pytest

from tests.conftest import start_up, stop
from tests.support.clients.code_owner import Owner
from tests.support.servers.first_uses import stale_first_uses

TRIES = 1_000


@pytest.mark.slow
def test_no_first_use_of_a_thousand_codes_over_four_workers_is_without_its_markup(
    tmp_path: Path,
) -> None:
    running = start_up(tmp_path / "data", "--workers", "4")
    try:
        owner = Owner(running, "--max-codes", "2000")
        assert stale_first_uses(owner, tries=TRIES, callers=4) == 0
    finally:
        stop(running)
