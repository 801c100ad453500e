"""`swapgate reconcile`: recomputes ledger, counters and outbox, and lists every difference."""

from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, read
from gateway.cli.output import show
from gateway.instance import Role


def reconcile(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Compare ledger, counters and outbox with the orders and events they are derived from.

    Changes nothing, and the service can run meanwhile. Exit status 1 if anything differs.
    """
    found = read(Role.ADMIN, data_dir, lambda ports: ports.reconcile())
    show({"differences": found}, as_json=as_json, table=found)
    if found:
        differences = "1 difference" if len(found) == 1 else f"{len(found)} differences"
        raise Failure(f"{differences} found; nothing was changed")
