"""A short run of the fuzzer; `make fuzz` is the long one."""

import subprocess
import sys

import pytest

from tests.conftest import Running

SEED = 20260501
CASES = 120


@pytest.mark.timeout(300)
def test_generated_requests_return_documented_responses_and_no_5xx(up: Running) -> None:
    """In a separate process: warnings and hooks of schemathesis must not affect other tests."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz", "--seed", str(SEED), "--cases", str(CASES)),
            *("--base-url", up.base_url, "--data-dir", str(up.data_dir)),
        ],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
