"""What the audit trail says about a command: its name, its subject and its parameters."""

from contextvars import ContextVar
from typing import Any, Final

import typer
from typer.core import TyperCommand

from domain.actions.operator.audit import ActionRequest

NOT_RECORDED: Final = frozenset({"as_json", "data_dir", "reason"})
PRIVATE: Final = frozenset({"key"})
"""Parameters whose values are not recorded: an extended public key may see all payments."""

HIDDEN: Final = "(not recorded)"

_RUNNING: ContextVar[typer.Context] = ContextVar("running command")


class _Command(TyperCommand):
    """A command that can be described while it runs."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        token = _RUNNING.set(ctx)
        try:
            return super().invoke(ctx)
        finally:
            _RUNNING.reset(token)


def describe_commands(app: typer.Typer) -> None:
    """Let `action_request` describe the commands of an application and its groups."""
    for command in app.registered_commands:
        command.cls = _Command
    for group in app.registered_groups:
        if group.typer_instance is not None:
            describe_commands(group.typer_instance)


def action_request(*, subject: str, reason: str) -> ActionRequest:
    """Return the request of the command that is running; `subject` or its first argument."""
    context = _RUNNING.get()
    given = {name: value for name, value in context.params.items() if name not in NOT_RECORDED}
    arguments = [one.name for one in context.command.params if one.param_type_name == "argument"]
    first = str(given[arguments[0]]) if arguments and arguments[0] in given else ""
    return ActionRequest(
        action=_name(context),
        subject=subject or first,
        reason=reason,
        parameters={
            name: HIDDEN if name in PRIVATE else _plain(value)
            for name, value in given.items()
            if value is not None
        },
    )


def _name(context: Any) -> str:
    """Return a command's name without the program's, such as `fee set`."""
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, context.info_name)
        context = context.parent
    return " ".join(names)


def _plain(value: object) -> Any:
    return value if isinstance(value, bool | int) else str(value)
