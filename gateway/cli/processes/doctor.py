"""`swapgate doctor`: looks at settings, servers, roles, clocks and feeds, and says what to do."""

import asyncio
import os
from pathlib import Path
from typing import Any

import typer

from gateway.cli.command import DATA_DIR, AsJson, DataDir
from gateway.cli.output import show
from gateway.cli.root import sentence
from gateway.settings import Role, SettingsError, settings_for


def doctor(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Check the installation; exit status 1 when something is not as it should be."""
    document = asyncio.run(_examine(data_dir))
    show(document, as_json=as_json, table=document["checks"])
    if not document["ok"]:
        raise typer.Exit(1)


async def _examine(data_dir: Path) -> dict[str, Any]:
    from gateway.cli.processes.checks import ask, failed, passed
    from gateway.cli.processes.checks_postgres import SERVER as POSTGRES
    from gateway.cli.processes.checks_postgres import PostgresChecks
    from gateway.cli.processes.checks_valkey import SERVER as VALKEY
    from gateway.cli.processes.checks_valkey import ValkeyChecks
    from gateway.wiring.operator import OperatorPorts

    try:
        operator = OperatorPorts(
            settings_for(Role.ADMIN, data_dir=data_dir, environment=os.environ)
        )
    except SettingsError as error:
        return {"ok": False, "checks": [failed("settings", sentence(error))]}
    try:
        answers = await asyncio.gather(
            ask(POSTGRES, PostgresChecks(operator).questions()),
            ask(VALKEY, ValkeyChecks(operator).questions()),
        )
    finally:
        await operator.close()
    checks = [passed("settings"), *(check for group in answers for check in group)]
    return {"ok": all(check.ok for check in checks), "checks": checks}
