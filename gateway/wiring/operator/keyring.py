"""What the operator's actions on the key ring need."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from domain.actions.operator.keyring import KeyRingPorts, RingKey
from domain.errors import InvalidCommand
from gateway.wiring.operator.connections import OperatorConnections
from persistence.keyring_file import add_key, read_keys, remove_key
from persistence.postgres.partners.reseal import PostgresSealedSecrets

T = TypeVar("T")


class KeyRingOnDisk:
    """KeyRingFile over a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Sequence[RingKey]:
        """See KeyRingFile."""
        return self._checked(lambda: read_keys(self._path))

    def add(self, now: datetime) -> str:
        """See KeyRingFile."""
        return self._checked(lambda: add_key(self._path, now))

    def remove(self, name: str) -> None:
        """See KeyRingFile."""
        self._checked(lambda: remove_key(self._path, name))

    def _checked(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except OSError as error:
            raise InvalidCommand(
                f"the key ring {self._path} cannot be changed: {error.strerror}"
            ) from None
        except (msgspec.MsgspecError, ValueError) as error:
            raise InvalidCommand(f"the key ring {self._path} cannot be used: {error}") from None


def keyring_ports(connections: OperatorConnections) -> KeyRingPorts:
    """Return the ports, over the connections of a command."""
    return KeyRingPorts(
        ring=KeyRingOnDisk(connections.settings.keyring_path),
        secrets=PostgresSealedSecrets(connections.database, connections.keyring()),
        clock=connections.clock,
        pause=asyncio.sleep,
    )
