"""`swapgate reconcile`: recomputes ledger, counters and outbox, and lists every difference."""

from typing import TYPE_CHECKING

from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, run
from gateway.cli.output import show
from gateway.settings import Role

if TYPE_CHECKING:
    from domain.ledger.reconciliation import Difference
    from gateway.wiring.operator import OperatorPorts

STATEMENT_TIMEOUT_MS = 15 * 60 * 1000
"""Sums over all orders there ever were take their time."""


def reconcile(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Compare ledger, counters and outbox with what orders and events make of them.

    Changes nothing, and the service may go on meanwhile. Exit status 1 where something differs.
    """
    found = run(Role.ADMIN, data_dir, _differences)
    show({"differences": found}, as_json=as_json, table=found)
    if found:
        differences = "1 difference" if len(found) == 1 else f"{len(found)} differences"
        raise Failure(f"{differences} found; nothing was changed")


async def _differences(operator: "OperatorPorts") -> "list[Difference]":
    from persistence.postgres.ledger.reconciliation import differences
    from persistence.postgres.pool import Database

    patient = Database(
        operator.settings.database_url,
        size=2,
        application="swapgate-command",
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
    )
    try:
        catalogue = await operator.catalogue()
        return [one async for one in differences(patient, catalogue)]
    finally:
        patient.close()
