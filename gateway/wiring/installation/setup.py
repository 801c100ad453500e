"""Sets an installation up on servers of the operator's own: what `swapgate init` does."""

import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from valkey.exceptions import ValkeyError

from gateway.instance import PreparationFailed, Role
from gateway.settings import SettingsError
from gateway.wiring.installation.database import (
    RolesPlan,
    check_logins,
    create_roles,
    plan_roles,
    shown_statements,
)
from gateway.wiring.installation.files import (
    DATABASE_URL,
    DIRECT_URL,
    FILES,
    VALKEY_URL,
    InstallationFiles,
    Passwords,
    SettingsFile,
    with_login,
)
from gateway.wiring.installation.valkey import (
    UsersPlan,
    create_users,
    plan_users,
    shown_commands,
)
from persistence.valkey.acl import PREFIX


class Report(msgspec.Struct, kw_only=True):
    """What was done; or, in a dry run, what would be.

    `statements` and `valkey` are for a superuser: unless it is a dry run, those that the logins of
    the URLs may not execute.
    """

    written: list[str] = []
    statements: list[str] = []
    new_logins: list[str] = []
    valkey: list[str] = []
    remarks: list[str] = []


class Urls(msgspec.Struct, frozen=True):
    """How the owner reaches both servers; `direct` past a pooler, if there is one."""

    database: str
    direct: str
    valkey: str

    @property
    def server(self) -> str:
        """Return the URL of the server itself."""
        return self.direct or self.database

    def of(self, one: SettingsFile, passwords: Passwords) -> Mapping[str, str]:
        """Return the URLs of a process."""
        found = {DATABASE_URL: self.database, DIRECT_URL: self.direct}
        if one.role is not Role.OWNER:
            role = f"swapgate_{one.role}"
            found = {
                name: with_login(url, role, passwords.of_roles[role]) if url else ""
                for name, url in found.items()
            }
        user = f"{PREFIX}{one.valkey_user}"
        found[VALKEY_URL] = with_login(self.valkey, user, passwords.of_users[one.valkey_user])
        return {name: url for name, url in found.items() if url}


def set_up(
    directory: Path,
    environment: Mapping[str, str],
    *,
    dry_run: bool = False,
    new_passwords: bool = False,
    sandbox: bool = False,
) -> Report:
    """Create the roles, users, keys and settings files that are missing.

    The files are written first, so that no password is set on a server before it is stored. Raises
    PreparationFailed and SettingsError.
    """
    urls, files = _urls(environment), InstallationFiles(directory)
    known = Passwords() if new_passwords else files.passwords()
    try:
        roles = plan_roles(urls.server, known.of_roles, new_passwords=new_passwords)
        users = plan_users(urls.valkey, known.of_users, new_passwords=new_passwords)
        if dry_run:
            return Report(
                written=[str(directory / name) for name in files.missing()],
                statements=shown_statements(roles, urls.server),
                new_logins=list(roles.without_password),
                valkey=shown_commands(users, {}),
            )
        passwords = known.completed(secrets.token_urlsafe)
        report = Report(
            written=files.write(
                {one.name: urls.of(one, passwords) for one in FILES}, environment, sandbox=sandbox
            )
        )
        return _create(report, urls, roles, users, passwords)
    except ValkeyError as error:
        raise PreparationFailed(f"Valkey: {error}") from None
    except OSError as error:
        raise SettingsError(f"{error.filename} cannot be used: {error.strerror}") from None


def _create(
    report: Report, urls: Urls, roles: RolesPlan, users: UsersPlan, passwords: Passwords
) -> Report:
    """Create roles and users as far as the logins of the URLs may."""
    report.statements = create_roles(roles, urls.server, passwords.of_roles)
    if users.may_manage:
        report.remarks = create_users(users, urls.valkey, passwords.of_users)
    else:
        report.valkey = shown_commands(users, passwords.of_users)
    if not report.statements:
        check_logins(urls.server, passwords.of_roles)
    return report


def _urls(environment: Mapping[str, str]) -> Urls:
    for name in (DATABASE_URL, VALKEY_URL):
        if not environment.get(name):
            raise SettingsError(f'{name} is not set: see "External servers" in operations.md')
    return Urls(environment[DATABASE_URL], environment.get(DIRECT_URL, ""), environment[VALKEY_URL])
