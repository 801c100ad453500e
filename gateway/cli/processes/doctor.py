"""`swapgate doctor`: checks settings, servers, roles, clocks and feeds, and says what to do."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure
from gateway.cli.output import show
from gateway.instance import Role, settings_for
from gateway.settings import SettingsError

if TYPE_CHECKING:
    from domain.actions.operator.doctor.checks import Examination


def doctor(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Check the installation and say what to do; exit status 1 if a check fails."""
    examination = _examine(data_dir)
    document = {"ok": examination.ok, "checks": examination.checks}
    show(document, as_json=as_json, table=examination.checks)
    failed = sum(not check.ok for check in examination.checks)
    if failed:
        raise Failure(f"{failed} of {len(examination.checks)} checks failed")


def _examine(data_dir: Path) -> "Examination":
    from domain.actions.operator.doctor.checks import settings_failed

    try:
        settings = settings_for(Role.ADMIN, data_dir=data_dir, environment=os.environ)
        from gateway.wiring.operator.doctor import run_doctor

        return run_doctor(settings)
    except SettingsError as error:
        return settings_failed(str(error))
