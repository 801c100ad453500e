"""The root of all commands: every failure ends in one message on stderr and exit status 1."""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import typer
from rich.console import Console
from typer.core import TyperGroup

from gateway.cli.command import Failure

INTERRUPTED = 130


class Root(TyperGroup):
    """Reports usage errors and failed commands.

    With `--json` the message is one JSON document: `{"error":{"message":"..."}}`.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002, FBT001, FBT002  as in the base class
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002  as above
        **extra: Any,
    ) -> Any:
        """Run a command and exit with its status."""
        arguments = sys.argv[1:] if args is None else list(args)
        try:
            status = super().main(
                arguments,
                prog_name=prog_name,
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except Failure as failure:
            _report(sentence(str(failure)), as_json="--json" in arguments)
            sys.exit(1)
        except typer.TyperException as error:
            _report_usage(error, as_json="--json" in arguments)
            sys.exit(1)
        except typer.Abort:
            sys.exit(INTERRUPTED)
        sys.exit(status or 0)


def _report_usage(error: typer.TyperException, *, as_json: bool) -> None:
    message = error.format_message().replace(": Value error, ", ": ")
    if not message:  # a group without a subcommand has printed its help
        return
    context: typer.Context | None = getattr(error, "ctx", None)
    if as_json or context is None:
        _report(message, as_json=as_json)
        return
    _report(f"{message}\nRun `{context.command_path} --help` for its usage.", as_json=False)


def _report(message: str, *, as_json: bool) -> None:
    if as_json:
        sys.stderr.write(msgspec.json.encode({"error": {"message": message}}).decode() + "\n")
        return
    console = Console(stderr=True)
    console.print(message, style="red", markup=False, highlight=False, soft_wrap=True)


def sentence(text: object) -> str:
    """Return a text as a sentence begins."""
    text = str(text)
    return text[:1].upper() + text[1:]
