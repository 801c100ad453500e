"""`swapgate init`: sets up an installation on servers of the operator's own."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure
from gateway.cli.output import show
from gateway.instance import PreparationFailed
from gateway.settings import SettingsError

if TYPE_CHECKING:
    from gateway.wiring.installation.setup import Report

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Change nothing; print the SQL, without passwords.")
]
NewPasswords = Annotated[
    bool, typer.Option("--new-passwords", help="Replace the passwords of all logins.")
]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="Settings for test money.")]


def init(
    *,
    dry_run: DryRun = False,
    new_passwords: NewPasswords = False,
    sandbox: Sandbox = False,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Create roles, users, keys and settings files on servers of your own.

    SWAPGATE_DATABASE_URL is the database's owner, SWAPGATE_VALKEY_URL a user who may manage users.
    What exists is kept. The output can be given to psql: what the owner may not do is printed as
    SQL for a superuser.
    """
    from gateway.wiring.installation.setup import set_up

    try:
        report = set_up(
            data_dir, os.environ, dry_run=dry_run, new_passwords=new_passwords, sandbox=sandbox
        )
    except (PreparationFailed, SettingsError) as error:
        raise Failure(str(error)) from None
    if as_json:
        show(report, as_json=True)
    else:
        typer.echo("\n".join(_lines(report, dry_run=dry_run)))
    if not dry_run and (report.statements or report.valkey):
        raise Failure(
            "these logins may not do everything: have an administrator run the statements above, "
            "then run `swapgate init` again"
        )


def _lines(report: "Report", *, dry_run: bool) -> list[str]:
    """Return the report as SQL, with everything else in comments."""
    wrote = "would write" if dry_run else "wrote"
    lines = [f"-- {wrote} {path}" for path in report.written]
    if report.statements:
        who = "init, or a superuser before it, runs" if dry_run else "a superuser has to run"
        lines += [f"-- PostgreSQL: {who}", *(f"{one};" for one in report.statements)]
    if report.new_logins:
        lines += [f"-- init then gives LOGIN and a new password to {', '.join(report.new_logins)}"]
    if report.valkey:
        who = "init runs, with passwords" if dry_run else "an administrator has to run"
        lines += [f"-- Valkey: {who}", *(f"-- {one}" for one in report.valkey)]
    lines += [f"-- {remark}" for remark in report.remarks]
    return lines or ["-- everything exists already"]
