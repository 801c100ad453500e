"""`swapgate retention`: archives what the operator's policy no longer keeps in the database."""

from pathlib import Path
from typing import Annotated

import typer

from domain.actions.operator.retention.archive import archive_old_partitions
from domain.actions.operator.retention.policy import Policy
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, Reason, read, run
from gateway.cli.output import show
from gateway.instance import Role

Archive = Annotated[
    Path | None, typer.Option("--archive", help="Directory for the compressed files.")
]
Apply = Annotated[bool, typer.Option("--apply", help="Archive and drop what the policy allows.")]
KeepWebhooks = Annotated[
    int,
    typer.Option(
        min=0,
        envvar="SWAPGATE_RETENTION_WEBHOOKS_MONTHS",
        help="Months of webhook events that stay; 0: all.",
    ),
]
KeepAudit = Annotated[
    int,
    typer.Option(
        min=0,
        envvar="SWAPGATE_RETENTION_AUDIT_MONTHS",
        help="Months of the audit trails that stay; 0: all.",
    ),
]


def retention(
    *,
    keep_webhooks: KeepWebhooks = 0,
    keep_audit: KeepAudit = 0,
    archive: Archive = None,
    apply: Apply = False,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List partitions by month and what would go; with --apply, archive and drop it.

    Without a policy everything stays. The ledger and orders always stay.
    """
    from gateway.wiring.operator.retention import read_plan, retention_ports

    policy = Policy(keep_webhooks, keep_audit)
    if not apply:
        planned = read(Role.OWNER, data_dir, lambda ports: read_plan(ports, policy))
        show(planned, as_json=as_json, narrow=("partition", "rows", "goes", "reason"))
        return
    if archive is None or not archive.is_dir():
        raise Failure("state an existing directory for the archives, with `--archive`")
    archived = run(
        Role.OWNER,
        data_dir,
        lambda ports: archive_old_partitions(retention_ports(ports, policy, archive)),
        subject="retention",
        reason=reason,
        state=lambda ports: read_plan(ports, policy),
    )
    show(archived, as_json=as_json, narrow=("partition", "rows"))
