"""`swapgate audit`: what operators have done, when and why."""

from typing import Annotated

import typer

from domain.actions.operator.audit import list_actions
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Limit, group, read
from gateway.cli.output import show
from gateway.instance import Role

app = group("The audit trail of operator actions, which nobody can change.")

Subject = Annotated[
    str | None, typer.Option(help="Only of this order, partner, asset or other subject.")
]
Name = Annotated[str | None, typer.Option("--operator", help="Only of this operator.")]

COLUMNS = ("at", "operator", "action", "subject", "reason", "outcome")


@app.command("list")
def list_newest(
    *,
    subject: Subject = None,
    operator: Name = None,
    limit: Limit = 50,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List the newest actions, newest first; --json also has what was before and afterwards."""
    found = read(
        Role.ADMIN,
        data_dir,
        lambda ports: list_actions(
            ports.audit_trail(), subject=subject, operator=operator, limit=limit
        ),
    )
    table = [{name: getattr(one, name) for name in COLUMNS} for one in found]
    show(found, as_json=as_json, table=table, narrow=("operator", "action", "outcome"))
