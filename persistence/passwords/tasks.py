"""Work on passwords that takes long, and the messages that carry it to another process."""

from typing import Final

import msgspec

from persistence.passwords.common import is_common
from persistence.passwords.hashing import hash_password, verify_password

MAX_MESSAGE_BYTES: Final = 160 * 1024
"""More than a form holds (64 KiB); a socket buffers 208 KiB by default."""


class _Work(msgspec.Struct, frozen=True, tag=True):
    password: str

    def __repr__(self) -> str:
        return type(self).__name__


class Verify(_Work, frozen=True, tag=True):
    """See `verify_password`."""

    stored: str | None

    def result(self) -> bool:
        """Perform it."""
        return verify_password(self.password, self.stored)


class Hash(_Work, frozen=True, tag=True):
    """See `hash_password`, also for the error that it raises."""

    def result(self) -> str:
        """Perform it."""
        return hash_password(self.password)


class IsCommon(_Work, frozen=True, tag=True):
    """See `is_common`."""

    personal: list[str]

    def result(self) -> bool:
        """Perform it."""
        return is_common(self.password, self.personal)


Work = Verify | Hash | IsCommon


class Task(msgspec.Struct, frozen=True):
    """Work with a number, which its result repeats."""

    number: int
    work: Work


class Done(msgspec.Struct, frozen=True):
    """The result of a task; None if it raised an error, which the worker then raises itself."""

    number: int
    result: bool | str | None


encode: Final = msgspec.msgpack.encode
decode_task: Final = msgspec.msgpack.Decoder(Task).decode
decode_done: Final = msgspec.msgpack.Decoder(Done).decode
