"""The settings files of an installation: one per process, in a folder per system user.

Each is read by `EnvironmentFile=` of systemd and by `. file` in a shell. A folder has the logins
and keys of its processes only, so the gateway can be kept from reading settlement's.
"""

import secrets
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import msgspec

from gateway.declaration import EVERY_PROCESS, declarations
from gateway.instance import KEYRING_FILE, RATES_KEY_FILE, Role, ValkeyUser, write_private
from gateway.settings import RateMarket, Settings, SettingsError
from persistence.keyring_file import new_keyring
from persistence.postgres.rights.roles import LOGINS
from persistence.valkey.acl import USERS

DATABASE_URL: Final = "SWAPGATE_DATABASE_URL"
VALKEY_URL: Final = "SWAPGATE_VALKEY_URL"
DIRECT_URL: Final = "SWAPGATE_DATABASE_DIRECT_URL"
URLS: Final = (DATABASE_URL, DIRECT_URL, VALKEY_URL)
KEYRING: Final = f"gateway/{KEYRING_FILE}"


class SettingsFile(msgspec.Struct, frozen=True):
    """The file of one process: its place, who it belongs to and what the process logs in as."""

    name: str
    reader: str
    """The process as the settings' table names it."""
    role: Role
    valkey_user: ValkeyUser
    rates_key: str = ""


FILES: Final = (
    SettingsFile("gateway/serve.env", "`serve`", Role.GATEWAY, ValkeyUser.GATEWAY),
    SettingsFile("gateway/webhooks.env", "`webhooks`", Role.GATEWAY, ValkeyUser.WEBHOOKS),
    SettingsFile(
        "rates/rates.env", "`rates`", Role.GATEWAY, ValkeyUser.RATES, f"rates/{RATES_KEY_FILE}"
    ),
    SettingsFile(
        "settlement/settlement.env",
        "`settlement`",
        Role.SETTLEMENT,
        ValkeyUser.SETTLEMENT,
        f"settlement/{RATES_KEY_FILE}",
    ),
    SettingsFile(
        "operator/operator.env",
        "commands",
        Role.ADMIN,
        ValkeyUser.OPERATOR,
        f"operator/{RATES_KEY_FILE}",
    ),
    SettingsFile(
        "operator/settlement.env",
        "commands",
        Role.SETTLEMENT,
        ValkeyUser.OPERATOR,
        f"operator/{RATES_KEY_FILE}",
    ),
    SettingsFile("operator/migrate.env", "`migrate`", Role.OWNER, ValkeyUser.OPERATOR),
)


class Passwords(msgspec.Struct, frozen=True):
    """Passwords by role of the database, and by user of Valkey without its prefix."""

    of_roles: Mapping[str, str] = {}
    of_users: Mapping[str, str] = {}

    def completed(self, new: Callable[[int], str]) -> "Passwords":
        """Return these passwords, and new ones of 256 random bits for all other logins."""
        return Passwords(
            {role: self.of_roles.get(role) or new(32) for role in LOGINS},
            {user: self.of_users.get(user) or new(32) for user in USERS},
        )


class InstallationFiles:
    """The files in a directory. Files that exist keep their content."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()

    def passwords(self) -> Passwords:
        """Return the passwords that the files hold. Raises SettingsError."""
        return Passwords(
            self._passwords(DATABASE_URL, lambda one: f"swapgate_{one.role}"),
            self._passwords(VALKEY_URL, lambda one: str(one.valkey_user)),
        )

    def missing(self) -> list[str]:
        """Return the files that do not exist yet, keys included."""
        keys = [KEYRING, *_rates_keys()]
        return [
            name
            for name in (*keys, *(one.name for one in FILES))
            if not (self._directory / name).exists()
        ]

    def write(
        self,
        urls: Mapping[str, Mapping[str, str]],
        environment: Mapping[str, str],
        *,
        sandbox: bool,
    ) -> list[str]:
        """Write what is missing, and these URLs by file where they changed; return what was.

        `environment` has further settings, which are written to the new files of the processes that
        read them. Raises SettingsError, and OSError.
        """
        written = self._write_keys()
        for one in FILES:
            path = self._directory / one.name
            known = variables_in(path)
            if known:
                content = {**known, **urls[one.name]}
            else:
                content = {
                    **urls[one.name],
                    "SWAPGATE_KEYRING": str(self._directory / KEYRING),
                    "SWAPGATE_SANDBOX": str(sandbox).lower(),
                    **_keys_and_prices(one, self._directory, sandbox=sandbox),
                    **_read_by(one.reader, environment),
                }
            if content != known:
                text = "".join(
                    f"{name}={_quoted(name, value)}\n" for name, value in content.items()
                )
                write_private(_private_parent(path), text.encode())
                written.append(str(path))
        return written

    def _write_keys(self) -> list[str]:
        """Write the key ring, and the same key that signs prices for each of its readers."""
        paths = [self._directory / name for name in _rates_keys()]
        known = next((path.read_bytes() for path in paths if path.exists()), None)
        rates_key = known or secrets.token_hex(32).encode()
        keyring = self._directory / KEYRING
        missing = [path for path in (keyring, *paths) if not path.exists()]
        for path in missing:
            content = new_keyring() if path == keyring else rates_key
            write_private(_private_parent(path), content)
        return [str(path) for path in missing]

    def _passwords(self, variable: str, login: Callable[[SettingsFile], str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for one in FILES:
            path = self._directory / one.name
            url = variables_in(path).get(variable, "")
            password = urlsplit(url).password
            if password and found.setdefault(login(one), unquote(password)) != unquote(password):
                raise SettingsError(
                    f"{path} has another password of {login(one)} than the files before it: "
                    "correct it, or use --new-passwords"
                )
        return found


def _rates_keys() -> list[str]:
    return list(dict.fromkeys(one.rates_key for one in FILES if one.rates_key))


def variables_in(path: Path) -> dict[str, str]:
    """Return the variables of a settings file; empty without it. Raises SettingsError."""
    try:
        lines = shlex.split(path.read_text(), comments=True)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None
    return dict(_variables(lines, path))


def with_login(url: str, user: str, password: str) -> str:
    """Return a URL with another login."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user, safe='')}:{password}@{server}").geturl()


def _variables(lines: Iterable[str], path: Path) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, equals, value = line.partition("=")
        if not equals:
            raise SettingsError(f"{path} has a line that is not NAME='value'")
        yield name, value


def _keys_and_prices(one: SettingsFile, directory: Path, *, sandbox: bool) -> dict[str, str]:
    found = {}
    if one.rates_key:
        found["SWAPGATE_RATES_KEY"] = str(directory / one.rates_key)
    if one.reader == "`rates`" and not sandbox:
        found["SWAPGATE_RATES"] = RateMarket.EXCHANGES.value
    return found


def _read_by(reader: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the environment that a process reads, except those that differ."""
    own = {*URLS, "SWAPGATE_KEYRING", "SWAPGATE_RATES_KEY", "SWAPGATE_SANDBOX"}
    found = {}
    for field, _, facts in declarations(Settings):
        name, readers = field.encode_name, facts["read by"]
        if (
            environment.get(name)
            and name not in own
            and (readers == EVERY_PROCESS or reader in readers)
        ):
            found[name] = environment[name]
    return found


def _quoted(name: str, value: str) -> str:
    """Return a value in single quotes, which a shell and systemd read alike."""
    if any(one in value for one in "'\\\n"):
        raise SettingsError(f"{name} contains a quote, a backslash or a line break")
    return f"'{value}'"


def _private_parent(path: Path) -> Path:
    """Create the folder of a file for its owner only; return the file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
