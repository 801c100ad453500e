"""The file of the key ring, which processes read live, and which never loses a key."""

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.actions.operator.keyring import RingKey
from domain.errors import InvalidCommand
from persistence.keyring import KEY_BYTES, KeyRing


class _File(msgspec.Struct, omit_defaults=True):
    """`keys` are base64 of 32 bytes; when each was added, and ceased to encrypt."""

    current: str
    keys: dict[str, str]
    added: dict[str, datetime] = {}
    superseded: dict[str, datetime] = {}


class LiveKeyRing(KeyRing):
    """The key ring of a running process, which reads the file again once it has changed.

    It looks before it encrypts, and when it meets a key that it does not know: so nothing is
    encrypted with a key after another one has become current, and what a process with a newer ring
    has encrypted can be decrypted at once. If the file cannot be read, the known keys stay.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises OSError, ValueError and msgspec.MsgspecError."""
        self._path = path
        self._seen = _signature(path)
        file = _read(path)
        super().__init__(_keys_of(file), current=file.current)

    @property
    def current(self) -> str:
        """See KeyRing."""
        self._refresh()
        return super().current

    def key(self, name: str) -> bytes | None:
        """See KeyRing."""
        if name not in self._keys:
            self._refresh()
        return super().key(name)

    def seal(self, secret: str, *, record: str) -> bytes:
        """See KeyRing."""
        self._refresh()
        return super().seal(secret, record=record)

    def _cipher(self, name: str) -> AESGCM:
        if name not in self._ciphers:
            self._refresh()
        return super()._cipher(name)

    def _refresh(self) -> None:
        try:
            found = _signature(self._path)
            if found == self._seen:
                return
            file = _read(self._path)
            self._adopt(_keys_of(file), current=file.current)
        except (OSError, ValueError, msgspec.MsgspecError):
            return
        self._seen = found


def load_keyring(path: Path) -> KeyRing:
    """Return the ring as it is now. Raises OSError, ValueError and msgspec.MsgspecError."""
    file = _read(path)
    return KeyRing(_keys_of(file), current=file.current)


def new_keyring() -> bytes:
    """Return the content of a key ring file with one new key. It is secret; back it up."""
    return msgspec.json.encode(_File(current="k1", keys={"k1": _new_key()}))


def read_keys(path: Path) -> Sequence[RingKey]:
    """Return what the file says of its keys, the current one last."""
    file = _read(path)
    names = [*(name for name in file.keys if name != file.current), file.current]
    return [
        RingKey(
            name=name,
            current=name == file.current,
            added_at=file.added.get(name),
            superseded_at=file.superseded.get(name),
        )
        for name in names
    ]


def add_key(path: Path, now: datetime) -> str:
    """Add a new key and make it the current one; return its name."""
    with _locked(path) as real:
        file = _read(real)
        # The random part keeps the names unique even if an older file is restored.
        name = f"k{len(file.keys) + len(file.superseded) + 1}-{secrets.token_hex(3)}"
        file.superseded[file.current] = now
        file.keys[name] = _new_key()
        file.added[name] = now
        file.current = name
        _write(real, msgspec.json.encode(file))
    return name


def remove_key(path: Path, name: str) -> None:
    """Remove a key that is not the current one, if the ring has it; raise InvalidCommand."""
    with _locked(path) as real:
        file = _read(real)
        if name == file.current:
            raise InvalidCommand(f"{name} is the current key")
        if file.keys.pop(name, None) is not None:
            file.added.pop(name, None)
            file.superseded.pop(name, None)
            _write(real, msgspec.json.encode(file))


def _read(path: Path) -> _File:
    if path.stat().st_mode & 0o027:  # a group may read it: that of processes with other users
        raise ValueError("others can read or change it: run `chmod 600` on it")
    return msgspec.json.decode(path.read_bytes(), type=_File)


def _keys_of(file: _File) -> dict[str, bytes]:
    return {name: base64.b64decode(key) for name, key in file.keys.items()}


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _signature(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """Let one process at a time change the file, so that no key is lost; yield its real path."""
    real = path.resolve()
    descriptor = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield real
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    """Replace the file: after a crash at any point it has the old content or the new one.

    Its owner and its mode stay, so that the processes can still read it.
    """
    before = path.stat()
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, before.st_mode & 0o777)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
