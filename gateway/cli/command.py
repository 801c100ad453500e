"""What every command shares: its options, its settings, and how it runs an action."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from domain.errors import DomainError
from gateway.cli.messages import message_of
from gateway.instance import DEFAULT_DATA_DIR, Role, settings_for
from gateway.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.wiring.operator.ports import OperatorPorts

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="SWAPGATE_DATA_DIR", help="Data directory of `swapgate up`."),
]
DATA_DIR = DEFAULT_DATA_DIR

MAX_LISTED = 1_000
Limit = Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="Maximum number of entries.")]


class Failure(Exception):
    """The command cannot do what was requested; the text is the message for the operator."""


def group(help_text: str) -> typer.Typer:
    """Return a group of commands on one subject."""
    return typer.Typer(help=help_text, no_args_is_help=True)


def settings_of(role: Role, data_dir: Path) -> Settings:
    """Return the settings of a process or command with this database role; raise Failure."""
    try:
        return settings_for(role, data_dir=data_dir, environment=os.environ)
    except SettingsError as error:
        raise Failure(str(error)) from None


def run(role: Role, data_dir: Path, work: "Callable[[OperatorPorts], Awaitable[T]]") -> T:
    """Run `work` with connections under a database role; raise Failure for its errors."""
    settings = settings_of(role, data_dir)
    from gateway.wiring.operator.ports import run_with_ports

    try:
        return run_with_ports(settings, work)
    except UnicodeEncodeError:
        raise Failure("an argument is not valid UTF-8") from None
    except (DomainError, SettingsError) as error:
        raise Failure(message_of(error)) from error
