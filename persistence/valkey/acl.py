"""The users of Valkey, one per kind of process, and what each may do: the only declaration of it.

The ACL file of the embedded server is written from it, and so is what `swapgate valkey acl` prints
for other servers. A script runs with the rights of the user that calls it.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from persistence.valkey import history, rates, stream
from persistence.valkey.admission.nonces import RECORD, REMEMBERED_SINCE
from persistence.valkey.admission.revisions import revision_key
from persistence.valkey.notices import CHANGES

PREFIX: Final = "swapgate_"
OWNER: Final = "owner"
"""The user of the embedded server for maintenance; no process gets its password."""
OTHERS_OFF: Final = "user default off resetpass resetkeys resetchannels -@all"
"""Without this line, whoever reaches the server may do everything without a password."""

CONNECT: Final = ("client|setinfo", "cluster|info", "cluster|slots", "command", "ping", "select")
SCRIPTS: Final = ("evalsha", "script|load")
ADMISSION: Final = (
    *("del", "get", "lindex", "llen", "lpop", "lset", "pexpire", "rpush", "set", "time"),
    *("role", "wait"),
)
SESSIONS: Final = (
    *("del", "exists", "expire", "hget", "hgetall", "hmget", "hset"),
    *("zadd", "zcard", "zpopmin", "zrange", "zrem", "zremrangebyscore"),
)


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """Commands, and patterns of the keys and channels that they may be used on.

    Patterns are compared in this order for each key of each command: the frequent ones come first.
    """

    commands: tuple[str, ...]
    keys: tuple[str, ...] = ()
    read_only_keys: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def rules(self) -> str:
        """Return the rights as rules of an ACL."""
        return " ".join(
            (
                "-@all",
                *(f"+{command}" for command in sorted({*CONNECT, *self.commands})),
                *(f"~{pattern}" for pattern in self.keys),
                *(f"%R~{pattern}" for pattern in self.read_only_keys),
                *(f"&{channel}" for channel in self.channels),
            )
        )


USERS: Final[Mapping[str, Rights]] = {
    "gateway": Rights(
        commands=(*SCRIPTS, *ADMISSION, *SESSIONS, "incrby", "publish", "subscribe"),
        keys=("{p:*", f"{REMEMBERED_SINCE}*", f"{RECORD}*", "{ip:*", "{m:*", "attempts:*"),
        read_only_keys=(rates.KEY,),
        channels=(rates.CHANNEL, CHANGES),
    ),
    "rates": Rights(
        commands=(*SCRIPTS, "del", "get", "publish", "set", "time"),
        keys=(rates.KEY, rates.LEASE, rates.SOURCES),
        channels=(rates.CHANNEL,),
    ),
    "settlement": Rights(
        commands=("get", "set", "subscribe"),
        keys=(history.KEY,),
        read_only_keys=(rates.KEY,),
        channels=(rates.CHANNEL, CHANGES),
    ),
    "webhooks": Rights(
        commands=(*("xack", "xadd", "xautoclaim", "xdel", "xgroup|create", "xlen", "xreadgroup"),),
        keys=(stream.STREAM,),
    ),
    "operator": Rights(
        commands=(*SCRIPTS, "get", "info", "publish", "set", "time"),
        keys=(revision_key("*"),),
        read_only_keys=(rates.KEY, rates.SOURCES, f"{REMEMBERED_SINCE}*", history.KEY),
        channels=(CHANGES,),
    ),
}
"""By name: the workers of `serve`, the other processes, and the commands with `doctor`."""


def user_line(name: str, password: str) -> str:
    """Return the line of a process's user in an ACL file."""
    return _line(name, password, USERS[name].rules())


def password_rule(password: str) -> str:
    """Return the rule that accepts a password: its hash."""
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"


def acl_file(passwords: Mapping[str, str]) -> str:
    """Return the ACL file of a server with these passwords: its owner's, and one for each user."""
    lines = [OTHERS_OFF, _line(OWNER, passwords[OWNER], "+@all ~* &*")]
    return "\n".join([*lines, *(user_line(name, passwords[name]) for name in USERS), ""])


def _line(name: str, password: str, rules: str) -> str:
    return f"user {PREFIX}{name} on {password_rule(password)} {rules}"
