"""The users of an external Valkey server, for `swapgate valkey acl` and `up`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.instance import ValkeyUser
from gateway.settings import SettingsError
from gateway.wiring.installation.files import with_login
from persistence.embedded.passwords import read_passwords
from persistence.embedded.valkey_users import ensure_passwords
from persistence.valkey.acl import PREFIX, acl_file

PASSWORDS_FILE: Final = "valkey-passwords.json"


def acl_lines(data_dir: Path) -> list[str]:
    """Return the lines of an ACL file; missing passwords are made. Raises SettingsError."""
    with _readable(data_dir) as path:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return acl_file(ensure_passwords(path)).splitlines()


def urls_of_users(data_dir: Path, url: str) -> dict[ValkeyUser, str]:
    """Return the URL of each process on a server; raise SettingsError.

    A URL that names a user, or a data directory without passwords, has one URL for all of them.
    """
    with _readable(data_dir) as path:
        if "@" in url or not path.exists():
            return dict.fromkeys(ValkeyUser, url)
        passwords = read_passwords(path)
        return {user: with_login(url, f"{PREFIX}{user}", passwords[user]) for user in ValkeyUser}


@contextmanager
def _readable(data_dir: Path) -> Iterator[Path]:
    path = data_dir / PASSWORDS_FILE
    try:
        yield path
    except OSError as error:
        raise SettingsError(f"{path} cannot be used: {error.strerror}") from None
    except (ValueError, KeyError):
        raise SettingsError(f"{path} does not contain passwords by user") from None
