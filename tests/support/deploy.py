"""The files in deploy/, as tests read them."""

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from typer.main import get_command

from gateway.cli import main
from tests.support.clients.snippets import ROOT

DEPLOY: Final = ROOT / "deploy"
UNITS: Final = (
    *sorted(DEPLOY.glob("systemd/*.service")),
    DEPLOY / "backup/swapgate-backup.service",
)
PROCESSES: Final = ("serve", "webhooks", "rates", "settlement")
"""What docs/operations.md lists under "Processes", except `migrate`, which ends."""


def tool(name: str) -> str:
    """Return the path of a program that the development requirements install."""
    return str(Path(sys.executable).with_name(name))


def shell_scripts() -> list[Path]:
    return [
        path
        for path in sorted(DEPLOY.rglob("*"))
        if path.is_file() and path.read_bytes()[:2] == b"#!" and b"sh\n" in path.read_bytes()[:25]
    ]


@cache
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """Return the services that run the image of this project."""
    return {name: one for name, one in services().items() if one["image"] == "swapgate"}


def directives(unit: Path) -> Iterator[tuple[str, str]]:
    """Yield what a unit or a part of one sets: directives may be repeated."""
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            yield name, value


def value_of(unit: Path, name: str) -> str:
    (value,) = [value for found, value in directives(unit) if found == name]
    return value


def parse(arguments: Sequence[str]) -> str:
    """Return the name of the command that these arguments call; fail if it rejects them."""
    command: Any = get_command(main)
    context = None
    left, names = list(arguments), []
    while left and left[0] in getattr(command, "commands", {}):
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
        names.append(left.pop(0))
        command = command.commands[names[-1]]
    command.make_context(names[-1], left, parent=context)
    return " ".join(names)
