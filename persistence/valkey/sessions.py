"""Sessions of the cabinet: each a hash that expires by itself, all of a member's in one slot."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

import msgspec
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.cabinet.sessions import IDLE, LIFETIME, SEEN_EVERY, FlashMessage, Session
from domain.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

MAX_SESSIONS: Final = 20
"""Sessions of one member; another one ends the oldest."""

# KEYS: the session, the list of the member's. ARGV: opened, end, idle seconds, lifetime, most,
# prefix of all sessions' keys, and the fields. The list is by the time each session ends at the
# latest.
OPEN: Final = """
server.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
local extra = server.call('ZCARD', KEYS[2]) - ARGV[5] + 1
if extra > 0 then
  for _, oldest in ipairs(server.call('ZPOPMIN', KEYS[2], extra)) do
    server.call('DEL', ARGV[6] .. oldest)
  end
end
server.call('HSET', KEYS[1], unpack(ARGV, 8))
server.call('EXPIRE', KEYS[1], ARGV[3])
server.call('ZADD', KEYS[2], ARGV[2], ARGV[7])
server.call('EXPIRE', KEYS[2], ARGV[4])
"""

# What has ended stays so, whoever still writes.
CHANGE: Final = """
if server.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
server.call('HSET', KEYS[1], unpack(ARGV, 2))
if ARGV[1] ~= '0' then
  server.call('EXPIRE', KEYS[1], ARGV[1])
end
return 1
"""


class ValkeySessionRepository:
    """SessionRepository over Valkey. Everything raises Unavailable without it."""

    def __init__(self, client: Valkey) -> None:
        self._client = client
        self._open = client.register_script(OPEN)
        self._change = client.register_script(CHANGE)

    async def open(self, session: Session) -> None:
        """See SessionRepository."""
        opened = session.opened_at.timestamp()
        end = opened + LIFETIME.total_seconds()
        fields = [part for pair in _fields(session).items() for part in pair]
        arguments: list[str | int | float] = [
            *(opened, end, _whole(IDLE), _whole(LIFETIME), MAX_SESSIONS),
            *(_key(session.member_id, ""), session.id, *fields),
        ]
        keys = [_key(session.member_id, session.id), _list_key(session.member_id)]
        await _asked(self._open(keys=keys, args=arguments))

    async def find(self, member_id: UUID, session_id: str, *, now: datetime) -> Session | None:
        """See SessionRepository."""
        key = _key(member_id, session_id)
        found: dict[bytes, bytes] = await _asked(self._client.hgetall(key))
        session = _session(member_id, session_id, found)
        if session is None or session.is_over(now):
            return None
        if now - session.seen_at >= SEEN_EVERY:
            left = str(session.seconds_left(now))
            await _asked(self._change(keys=[key], args=[left, "seen", str(now.timestamp())]))
        return session

    async def say(self, session: Session, said: FlashMessage | None) -> None:
        """See SessionRepository."""
        text = msgspec.json.encode(said).decode() if said else ""
        key = _key(session.member_id, session.id)
        await _asked(self._change(keys=[key], args=["0", "said", text]))

    async def prove(self, session: Session, at: datetime) -> None:
        """See SessionRepository."""
        key = _key(session.member_id, session.id)
        await _asked(self._change(keys=[key], args=["0", "proved", str(at.timestamp())]))

    async def all_of(self, member_id: UUID, *, now: datetime) -> list[Session]:
        """See SessionRepository."""
        listed: list[bytes] = await _asked(self._client.zrange(_list_key(member_id), 0, -1))
        pipeline = self._client.pipeline(transaction=False)
        names = [name.decode() for name in listed]
        for name in names:
            pipeline.hgetall(_key(member_id, name))
        found: list[dict[bytes, bytes]] = await _asked(pipeline.execute()) if names else []
        sessions = [_session(member_id, name, one) for name, one in zip(names, found, strict=True)]
        alive = [one for one in sessions if one is not None and not one.is_over(now)]
        return sorted(alive, key=lambda one: one.seen_at, reverse=True)

    async def end(self, member_id: UUID, session_id: str) -> None:
        """See SessionRepository."""
        pipeline = self._client.pipeline(transaction=True)
        pipeline.delete(_key(member_id, session_id))
        pipeline.zrem(_list_key(member_id), session_id)
        await _asked(pipeline.execute())


async def _asked(answer: Any) -> Any:
    try:
        return await cast("Awaitable[Any]", answer)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error


def _key(member_id: UUID, session_id: str) -> str:
    return f"{{m:{member_id}}}:session:{session_id}"


def _list_key(member_id: UUID) -> str:
    return f"{{m:{member_id}}}:sessions"


def _whole(span: Any) -> int:
    return int(span.total_seconds())


def _fields(session: Session) -> dict[str, str]:
    return {
        "epoch": str(session.epoch),
        "opened": str(session.opened_at.timestamp()),
        "seen": str(session.seen_at.timestamp()),
        "address": session.address,
        "agent": session.agent,
        "proved": str(session.proved_at.timestamp()) if session.proved_at else "",
        "said": msgspec.json.encode(session.said).decode() if session.said else "",
    }


def _session(member_id: UUID, session_id: str, found: dict[bytes, bytes]) -> Session | None:
    """Return a session as it is kept; None where nothing is, or what nobody of us has written."""
    fields = {name.decode(): value.decode("utf-8", "replace") for name, value in found.items()}
    with suppress(KeyError, ValueError, msgspec.MsgspecError):
        said = fields.get("said")
        return Session(
            id=session_id,
            member_id=member_id,
            epoch=int(fields["epoch"]),
            opened_at=_moment(fields["opened"]),
            seen_at=_moment(fields["seen"]),
            address=fields["address"],
            agent=fields["agent"],
            said=msgspec.json.decode(said, type=FlashMessage) if said else None,
            proved_at=_moment(fields["proved"]) if fields.get("proved") else None,
        )
    return None


def _moment(seconds: str) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
