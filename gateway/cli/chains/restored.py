"""`swapgate pay-in restored`: what is typed after the database was restored, or put back."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, Reason, read, run
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from domain.actions.operator.settlement.restored import NetworkPlan

NextIndexes = Annotated[
    list[str] | None,
    typer.Option(
        "--next-index",
        metavar="NETWORK=N",
        help="A higher next index that you know of, such as Litecoin=5200. Repeatable.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Complete = Annotated[
    bool,
    typer.Option(
        "--complete", help="Nothing was created after the backup: all processes were stopped."
    ),
]


def restored(
    *,
    next_index: NextIndexes = None,
    dry_run: DryRun = False,
    complete: Complete = False,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Make a restored database safe: no address is assigned twice, and settlement may start.

    Retires all free addresses, moves the index of each account past those that may have been
    assigned after the backup, and turns payouts off until you have compared them with the chains.
    Payments to retired addresses are listed by `swapgate deposit list`. Imported pools are empty
    afterwards: import addresses that were never used.
    """
    from domain.actions.operator.settlement.restored import (
        accept_complete,
        deal_with_restore,
        plan_restore,
    )

    known = _parsed(next_index or [])
    if complete and (known or dry_run):
        raise Failure("--complete changes no address: use it without --next-index and --dry-run")
    if complete:
        run(
            Role.ADMIN,
            data_dir,
            lambda ports: accept_complete(ports.restore(), reason=reason),
            reason=reason,
        )
        show({"accepted": True, "networks": []}, as_json=as_json)
        return
    if dry_run:
        plan = read(Role.ADMIN, data_dir, lambda ports: plan_restore(ports.restore(), known))
    else:
        plan = run(
            Role.ADMIN,
            data_dir,
            lambda ports: deal_with_restore(ports.restore(), known, reason=reason),
            reason=reason,
            state=lambda ports: plan_restore(ports.restore(), known),
        )
    networks = [_network_out(one) for one in plan.networks]
    document = {
        "accepted": not dry_run,
        "problem": plan.problem,
        "hasMarker": plan.has_marker,
        "networks": networks,
    }
    narrow = ("network", "retired", "nextIndex", "newNextIndex")
    show(document, as_json=as_json, table=networks, narrow=narrow)


def _parsed(given: Sequence[str]) -> Mapping[str, int]:
    """Return the indexes by network; raise Failure for another form."""
    known = {}
    for text in given:
        network, separator, index = text.rpartition("=")
        if not separator or not index.isascii() or not index.isdigit():
            raise Failure(f"{text!r} is not of the form NETWORK=N, such as Litecoin=5200")
        known[network] = int(index)
    return known


def _network_out(plan: "NetworkPlan") -> dict[str, Any]:
    return {
        "network": plan.network,
        "kind": plan.kind,
        "retired": plan.retired,
        "nextIndex": plan.next_index,
        "knownNextIndex": plan.known,
        "newNextIndex": plan.new_next_index,
    }
