"""The instance that `swapgate up` keeps in a data directory, and the settings found in it."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from gateway.settings import Settings, SettingsError, settings_from

DEFAULT_DATA_DIR = Path(".swapgate")
INSTANCE_FILE = "instance.json"
KEYRING_FILE = "keyring.json"
RATES_KEY_FILE = "rates.key"
MAIL_DIRECTORY = "mail"
DEMO_FILE = "demo.json"
OPERATOR_FILE = "operator.json"


class PreparationFailed(Exception):
    """The instance can't be prepared; the text says why."""


class Role(StrEnum):
    """The database role a process works under."""

    OWNER = "owner"
    ADMIN = "admin"
    GATEWAY = "gateway"
    SETTLEMENT = "settlement"


class ValkeyUser(StrEnum):
    """The user of Valkey a process works under."""

    GATEWAY = "gateway"
    RATES = "rates"
    SETTLEMENT = "settlement"
    WEBHOOKS = "webhooks"
    OPERATOR = "operator"
    """Of the commands, whatever their database role."""


class Instance(msgspec.Struct, rename="camel"):
    """How the other commands reach the servers of an instance; `swapgate up` writes it."""

    owner_database_url: str
    admin_database_url: str
    gateway_database_url: str
    settlement_database_url: str
    valkey_urls: dict[ValkeyUser, str]
    sandbox: bool
    public_url: str = ""
    """Where the public pages are; "" for nowhere."""

    def database_url(self, role: Role) -> str:
        """Return the URL for a role."""
        urls = {
            Role.OWNER: self.owner_database_url,
            Role.ADMIN: self.admin_database_url,
            Role.GATEWAY: self.gateway_database_url,
            Role.SETTLEMENT: self.settlement_database_url,
        }
        return urls[role]

    def __repr__(self) -> str:
        """Hide the URLs: they may hold passwords."""
        return "Instance(...)"


def read_instance(data_dir: Path) -> Instance | None:
    """Return the instance in `data_dir`, None if there is none; raise SettingsError."""
    path = data_dir / INSTANCE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Instance)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from None


def write_private(path: Path, content: bytes) -> None:
    """Write a file atomically that only its owner can read (mode 0600)."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def settings_for(
    role: Role,
    *,
    data_dir: Path,
    environment: Mapping[str, str],
    valkey_user: ValkeyUser = ValkeyUser.OPERATOR,
) -> Settings:
    """Return a process's settings: from the environment, else from the instance in `data_dir`.

    With SWAPGATE_DATABASE_URL set only the environment counts, whatever the role, unless it is the
    database that `up` was given for this directory: then the instance supplies the rest. Raises
    SettingsError.
    """
    given = environment.get("SWAPGATE_DATABASE_URL")
    instance = read_instance(data_dir)
    if given is not None and (instance is None or instance.owner_database_url != given):
        return settings_from(environment)
    if instance is None:
        raise SettingsError(
            f"there is no instance in {data_dir}: start one with `swapgate up`, name its directory "
            "with --data-dir, or set SWAPGATE_DATABASE_URL"
        )
    stored = {
        "SWAPGATE_DATABASE_URL": instance.database_url(role),
        "SWAPGATE_VALKEY_URL": instance.valkey_urls[valkey_user],
        "SWAPGATE_KEYRING": str(data_dir / KEYRING_FILE),
        "SWAPGATE_SANDBOX": str(instance.sandbox).lower(),
        "SWAPGATE_PUBLIC_URL": instance.public_url,
    }
    if instance.sandbox:
        stored["SWAPGATE_MAIL_DIRECTORY"] = str(data_dir / MAIL_DIRECTORY)
    rates_key = data_dir / RATES_KEY_FILE
    if rates_key.exists():
        stored["SWAPGATE_RATES_KEY"] = str(rates_key)
    of_this_role = {
        "SWAPGATE_DATABASE_URL": stored["SWAPGATE_DATABASE_URL"],
        "SWAPGATE_DATABASE_DIRECT_URL": "",
    }
    return settings_from({**stored, **environment, **of_this_role})
