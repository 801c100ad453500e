"""`swapgate operator`: who may operate the installation."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.actions.operator.operators import (
    Claim,
    Operator,
    add_operator,
    disable_operator,
    identify,
    list_operators,
    show_operator,
)
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, group, read, run
from gateway.cli.identity import store_claim
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from gateway.wiring.operator.ports import OperatorPorts

app = group("Operators: the people whose names are in the audit trail.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="An operator's name, such as ana.")]


@app.command()
def add(
    name: Name, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Register an operator and print the secret, which is not shown again.

    From the first one on, every command that changes something requires a secret.
    """
    claim = run(
        Role.ADMIN, data_dir, lambda ports: add_operator(ports.operators(), name), reason=reason
    )
    show({"name": claim.name, "secret": claim.secret}, as_json=as_json)


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List all operators."""
    found = read(Role.ADMIN, data_dir, lambda ports: list_operators(ports.operator_repository()))
    show([_operator_out(one) for one in found], as_json=as_json)


@app.command()
def disable(
    name: Name, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Reject an operator's secret from now on; `add` enables the name again with a new one."""
    disabled = run(
        Role.ADMIN,
        data_dir,
        lambda ports: disable_operator(ports.operators(), name),
        reason=reason,
        state=lambda ports: show_operator(ports.operator_repository(), name),
    )
    show(_operator_out(disabled), as_json=as_json)


@app.command()
def login(name: Name, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Store your name and secret in the data directory, in a file that only you can read.

    The secret is read from the terminal, or from standard input.
    """
    secret = typer.prompt("Secret", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    claim = Claim(name, secret.strip())

    async def check(ports: "OperatorPorts") -> None:
        await identify(ports.operator_repository(), claim, system_user="")

    read(Role.ADMIN, data_dir, check)
    path = store_claim(data_dir, claim)
    show({"name": name, "file": str(path)}, as_json=as_json)


def _operator_out(operator: Operator) -> dict[str, Any]:
    return {
        "name": operator.name,
        "createdAt": operator.created_at,
        "disabledAt": operator.disabled_at,
    }
