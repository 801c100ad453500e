"""What every command shares: its options, its settings, its way to answer and to fail."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.errors import DomainError
from gateway.settings import DEFAULT_DATA_DIR, Role, Settings, SettingsError, settings_for

if TYPE_CHECKING:
    from gateway.cli.connections import OperatorPorts

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="SWAPGATE_DATA_DIR", help="Where `up` keeps its instance."),
]
DATA_DIR = DEFAULT_DATA_DIR

PIPE_WIDTH = 10_000
"""Where nobody looks, a row stays one line: `grep` finds it whole."""

out = Console()
err = Console(stderr=True)


class Failure(Exception):
    """What was asked for can't be done; the text is the sentence the operator reads."""


def nouns(help_text: str) -> typer.Typer:
    """Return a group of commands about one noun."""
    return typer.Typer(help=help_text, no_args_is_help=True)


def fail(text: str) -> NoReturn:
    """End the command: the sentence `text` on stderr, exit status 1."""
    err.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def settings_of(role: Role, data_dir: Path) -> Settings:
    """Return the command's settings, or fail with a sentence."""
    try:
        return settings_for(role, data_dir=data_dir, environment=os.environ)
    except SettingsError as error:
        fail(sentence(error))


def run(role: Role, data_dir: Path, work: "Callable[[OperatorPorts], Coroutine[Any, Any, T]]") -> T:
    """Run `work` with connections under a role; what it raises becomes a sentence and status 1."""
    settings = settings_of(role, data_dir)
    from psqlpy.exceptions import Error as DatabaseError

    from gateway.cli.connections import OperatorPorts
    from persistence.postgres.pool import DatabaseUnavailable

    async def at_desk() -> T:
        desk = OperatorPorts(settings)
        try:
            return await work(desk)
        finally:
            await desk.close()

    try:
        return asyncio.run(at_desk())
    except DatabaseUnavailable as error:
        fail(f"The database can't be reached ({gist(error)}): `swapgate doctor` says what to do")
    except DatabaseError as error:
        fail(f"The database refuses this ({gist(error)}): `swapgate doctor` says what to do")
    except UnicodeEncodeError:
        fail("What was typed is not UTF-8")
    except (DomainError, Failure, SettingsError) as error:
        fail(sentence(error))


def gist(error: Exception) -> str:
    """Return what a driver's message comes down to: its last part."""
    return str(error).rpartition(": ")[2] or type(error).__name__


def sentence(error: Exception) -> str:
    """Return an error's text as a sentence begins."""
    text = str(error) or type(error).__name__
    return text[0].upper() + text[1:]


def show(document: object, *, as_json: bool, people: object = None) -> None:
    """Print a result: as JSON, or as a table for people, who may be shown something shorter.

    Dicts, lists of dicts, and msgspec structs of either are understood.
    """
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
        sys.stdout.buffer.flush()
        return
    seen = msgspec.to_builtins(document if people is None else people)
    console = out if out.is_terminal else Console(width=PIPE_WIDTH)
    console.print(_rows(seen) if isinstance(seen, list) else _fields(seen))


def _rows(rows: list[dict[str, object]]) -> Table | str:
    if not rows:
        return "nothing"
    table = Table(box=SIMPLE_HEAD)
    for heading in rows[0]:
        table.add_column(heading, overflow="fold", no_wrap=heading == "id")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _fields(fields: dict[str, object]) -> Table:
    table = Table("name", "value", box=None, show_header=False)
    table.columns[1].overflow = "fold"
    for name, value in _flat(fields):
        table.add_row(name, _cell(value))
    return table


def _flat(fields: dict[str, Any], under: str = "") -> Iterator[tuple[str, object]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{under}{name}.")
        else:
            yield under + name, value


def _cell(value: object) -> Text:
    """Return what a cell says; never read as rich's markup, for partners choose their names."""
    if value is None:
        return Text("-")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list | tuple):
        return Text(", ".join(map(str, value)) or "-")
    return Text(str(value))
