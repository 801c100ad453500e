"""The README's examples, run unchanged: the blocks of each language in sequence."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Running, start_up, stop
from tests.support.clients.snippets import ROOT, blocks, run

STEPS = ["quote", "order", "webhook"]
DONE = "DONE"


def run_examples(checkout: Path, language: str, suffix: str) -> list[str]:
    """Run a language's blocks as one program, as in one session; return the output."""
    steps = blocks(ROOT / "README.md", language)
    steps = [block for block in steps if block.step]
    assert [block.step for block in steps] == STEPS
    program = checkout / f"story{suffix}"
    program.write_text("\n".join(block.text for block in steps))
    return run(program)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory after `make run`: the service's data and the virtual environment."""
    directory = tmp_path_factory.mktemp("checkout")
    (directory / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    running: Running = start_up(directory / ".swapgate")
    yield directory
    stop(running)


def statuses(lines: list[str]) -> list[str]:
    """Return the statuses that a receiver printed; every signature must be genuine."""
    verdicts = [line.split() for line in lines if line.startswith(("genuine", "FORGED"))]
    assert all(verdict == "genuine" for verdict, _, _ in verdicts)
    assert len({order_id for _, order_id, _ in verdicts}) == 1
    return [status for _, _, status in verdicts]


def test_bash_quotes_orders_and_receives_three_webhooks(checkout: Path) -> None:
    lines = run_examples(checkout, "bash", ".sh")
    quoted, shown = (json.loads(line) for line in lines[:2])
    assert quoted["code"] == shown["code"] == 0
    assert shown["data"]["status"] == "NEW"
    assert statuses(lines) == ["PENDING", "EXCHANGE", DONE]


@pytest.mark.slow
def test_python_quotes_orders_and_receives_three_webhooks(checkout: Path) -> None:
    lines = run_examples(checkout, "python", ".py")
    assert re.fullmatch(r"0\.01000000 BTC give \d+\.\d{6} USDT", lines[0])
    assert re.fullmatch(r"NEW - send 0\.01000000 BTC to bc1\w+", lines[1])
    assert statuses(lines) == ["PENDING", "EXCHANGE", DONE]


@pytest.mark.slow
def test_node_quotes_orders_and_receives_three_webhooks(checkout: Path) -> None:
    lines = run_examples(checkout, "js", ".cjs")
    assert any(re.fullmatch(r"0\.01000000 BTC give \d+\.\d{6} USDT", line) for line in lines)
    assert statuses(lines) == ["PENDING", "EXCHANGE", DONE]


def test_every_file_named_in_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text()
    for name in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (ROOT / name).exists(), name


def test_every_make_target_named_in_the_readme_exists() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MAKEFLAGS": ""},
    ).stdout
    named = re.findall(r"^(?:`)?make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert "run" in named
    for target in named:
        assert f"make {target} " in listed
