"""What every command shares: its options, its settings, and how it runs an action."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from domain.actions.operator.audit import checked_reason
from domain.errors import DomainError, InvalidCommand
from gateway.cli.failure import Failure
from gateway.cli.identity import claim_of, system_user
from gateway.cli.messages import message_of
from gateway.cli.request import action_request
from gateway.instance import DEFAULT_DATA_DIR, Role, ValkeyUser, settings_for
from gateway.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from domain.actions.operator.operators import Identity
    from gateway.wiring.operator.ports import OperatorPorts

T = TypeVar("T")

__all__ = [  # Failure is part of what every command shares
    "DATA_DIR",
    "AsJson",
    "DataDir",
    "Failure",
    "Limit",
    "Reason",
    "RequiredReason",
    "group",
    "read",
    "run",
    "settings_of",
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar="SWAPGATE_DATA_DIR", help="Data directory of `swapgate up`."),
]
DATA_DIR = DEFAULT_DATA_DIR

MAX_LISTED = 1_000
Reason = Annotated[str, typer.Option(help="Why; it is recorded in the audit trail.")]


def stated(reason: str) -> str:
    """Return a reason; raise Failure for a blank one."""
    try:
        return checked_reason(reason)
    except InvalidCommand as error:
        raise Failure(str(error)) from error


RequiredReason = Annotated[
    str,
    typer.Option("--reason", callback=stated, help="Why; it is recorded in the audit trail."),
]
AssetCode = Annotated[str, typer.Argument(metavar="ASSET", help="An asset's code, such as btc.")]
OneAssetCode = Annotated[
    str | None, typer.Argument(metavar="ASSET", help="One asset's code; all by default.")
]
Limit = Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="Maximum number of entries.")]


def group(help_text: str) -> typer.Typer:
    """Return a group of commands on one subject."""
    return typer.Typer(help=help_text, no_args_is_help=True)


def settings_of(
    role: Role, data_dir: Path, *, valkey_user: ValkeyUser = ValkeyUser.OPERATOR
) -> Settings:
    """Return the settings of a process or command with this database role; raise Failure."""
    try:
        return settings_for(
            role, data_dir=data_dir, environment=os.environ, valkey_user=valkey_user
        )
    except SettingsError as error:
        raise Failure(str(error)) from None


def read(role: Role, data_dir: Path, work: "Callable[[OperatorPorts], Awaitable[T]]") -> T:
    """Run `work`, which changes nothing: its database session is read-only. Raises Failure."""
    return _connected(settings_of(role, data_dir), work, read_only=True)


def run(
    role: Role,
    data_dir: Path,
    work: "Callable[[OperatorPorts], Awaitable[T]]",
    *,
    subject: str = "",
    reason: str = "",
    state: "Callable[[OperatorPorts], Awaitable[object]] | None" = None,
) -> T:
    """Run `work` as an operator action under a database role; raise Failure for its errors.

    The action is in the audit trail before `work` is called: the operator, the command with its
    parameters, `subject` (by default the command's first argument), `reason`, and what `state`
    returns before and afterwards.
    """
    from domain.actions.operator.audit import perform

    request = action_request(subject=subject, reason=reason)
    claim = claim_of(data_dir, os.environ)

    async def performed(ports: "OperatorPorts") -> T:
        async def current_state() -> object:
            return None if state is None else await state(ports)

        async def acting(operator: "Identity") -> T:
            ports.operator = operator
            return await work(ports)

        audit = ports.audit(claim, system_user=system_user())
        return await perform(audit, request, acting, state=current_state)

    return _connected(settings_of(role, data_dir), performed, read_only=False)


def _connected(
    settings: Settings, work: "Callable[[OperatorPorts], Awaitable[T]]", *, read_only: bool
) -> T:
    from gateway.wiring.operator.ports import run_with_ports

    try:
        return run_with_ports(settings, work, read_only=read_only)
    except UnicodeEncodeError:
        raise Failure("an argument is not valid UTF-8") from None
    except (DomainError, SettingsError) as error:
        raise Failure(message_of(error)) from error
