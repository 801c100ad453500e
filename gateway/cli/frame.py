"""What every command shares: its options, its settings, its way to answer and to fail."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import orjson
import typer
from psqlpy.exceptions import Error as DatabaseError
from rich.console import Console
from rich.table import Table

from domain.errors import DomainError
from gateway.settings import DEFAULT_DATA_DIR, Role, Settings, SettingsError, settings_for
from gateway.wiring import Connections

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="SWAPGATE_DATA_DIR", help="Where `up` keeps its instance."),
]
DATA_DIR = DEFAULT_DATA_DIR

out = Console()
err = Console(stderr=True)


class Failure(Exception):
    """What was asked for can't be done; the text is the sentence the operator reads."""


def fail(sentence: str) -> NoReturn:
    """End the command: the sentence on stderr, exit status 1."""
    err.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)


def settings_of(role: Role, data_dir: Path) -> Settings:
    """Return the command's settings, or fail with a sentence."""
    try:
        return settings_for(role, data_dir=data_dir, environment=os.environ)
    except SettingsError as error:
        fail(_sentence(error))


def run(role: Role, data_dir: Path, work: Callable[[Connections], Coroutine[Any, Any, T]]) -> T:
    """Run `work` with connections under a role; what it raises becomes a sentence and status 1."""
    settings = settings_of(role, data_dir)

    async def connected() -> T:
        connections = Connections(settings)
        try:
            return await work(connections)
        finally:
            await connections.close()

    try:
        return asyncio.run(connected())
    except (DomainError, Failure, DatabaseError) as error:
        fail(_sentence(error))


def show(document: object, *, as_json: bool) -> None:
    """Print a result: as JSON, or as a table for people."""
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
    elif isinstance(document, list):
        out.print(_rows(document))
    elif isinstance(document, dict):
        out.print(_fields(document))
    else:
        out.print(document, markup=False)


def _rows(rows: list[dict[str, object]]) -> Table | str:
    if not rows:
        return "nothing"
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _fields(fields: dict[str, object]) -> Table:
    table = Table(show_header=False)
    for name, value in fields.items():
        table.add_row(name, _cell(value))
    return table


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _sentence(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text[0].upper() + text[1:]
