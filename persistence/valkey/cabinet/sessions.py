"""Sessions of the cabinet in Valkey: one expiring hash each, all of a member's in one slot."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from valkey.asyncio import Valkey

from domain.cabinet.passkeys import Challenge
from domain.cabinet.sessions import (
    IDLE_TIMEOUT,
    LAST_USE_PRECISION,
    LIFETIME,
    FlashMessage,
    Session,
)
from persistence.keyring import KeyRing
from persistence.valkey.cabinet.session_fields import CHALLENGE, SessionSealer
from persistence.valkey.connection.client import reply

MAX_SESSIONS: Final = 20
"""Per member; a further session ends the oldest."""

# KEYS: the session, the list of the member's sessions. ARGV: opened, end, idle timeout, lifetime,
# maximum number of sessions, key prefix of sessions, session id, fields. The list is scored by the
# time at which each session ends at the latest.
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

# A late write must not revive a session that has ended. ARGV: a new expiry or 0, fields.
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

# Takes a field: of two concurrent uses only the first gets its value.
TAKE: Final = """
local stored = server.call('HGET', KEYS[1], ARGV[1])
if stored then
  server.call('HSET', KEYS[1], ARGV[1], '')
end
return stored
"""

# KEYS: the session, the list of the member's sessions. ARGV: session id.
END: Final = """
server.call('DEL', KEYS[1])
server.call('ZREM', KEYS[2], ARGV[1])
"""


class ValkeySessionRepository:
    """SessionRepository over Valkey, whose fields are sealed with the key ring."""

    def __init__(self, client: Valkey, keyring: KeyRing) -> None:
        self._client = client
        self._sealer = SessionSealer(keyring)
        self._open = client.register_script(OPEN)
        self._change = client.register_script(CHANGE)
        self._take = client.register_script(TAKE)
        self._end = client.register_script(END)

    async def open(self, session: Session) -> None:
        """See SessionRepository."""
        opened = session.opened_at.timestamp()
        end = opened + LIFETIME.total_seconds()
        fields = [part for pair in self._sealer.sealed(session).items() for part in pair]
        arguments: list[str | bytes | int | float] = [
            *(opened, end, _seconds(IDLE_TIMEOUT), _seconds(LIFETIME), MAX_SESSIONS),
            *(_key(session.member_id, ""), session.id, *fields),
        ]
        keys = [_key(session.member_id, session.id), _list_key(session.member_id)]
        await reply(self._open(keys=keys, args=arguments))

    async def find(self, member_id: UUID, session_id: str, *, now: datetime) -> Session | None:
        """See SessionRepository."""
        key = _key(member_id, session_id)
        fields: dict[bytes, bytes] = await reply(self._client.hgetall(key))
        session = self._sealer.opened(member_id, session_id, fields)
        if session is None or session.is_expired(now):
            return None
        if now - session.last_used_at >= LAST_USE_PRECISION:
            await self._set(session, self._sealer.last_used(session, now), now=now)
        return session

    async def set_flash(self, session: Session, flash: FlashMessage | None) -> None:
        """See SessionRepository."""
        await self._set(session, self._sealer.flash(session, flash))

    async def set_challenge(self, session: Session, challenge: Challenge) -> None:
        """See SessionRepository."""
        await self._set(session, self._sealer.challenge(session, challenge))

    async def take_challenge(self, session: Session) -> Challenge | None:
        """See SessionRepository."""
        key = _key(session.member_id, session.id)
        stored: bytes | None = await reply(self._take(keys=[key], args=[CHALLENGE]))
        return self._sealer.opened_challenge(session, stored) if stored else None

    async def mark_verified(self, session: Session, at: datetime) -> None:
        """See SessionRepository."""
        await self._set(session, self._sealer.verified(session, at))

    async def list_of(self, member_id: UUID, *, now: datetime) -> list[Session]:
        """See SessionRepository."""
        listed: list[bytes] = await reply(self._client.zrange(_list_key(member_id), 0, -1))
        pipeline = self._client.pipeline(transaction=False)
        ids = [session_id.decode() for session_id in listed]
        for session_id in ids:
            pipeline.hgetall(_key(member_id, session_id))
        stored: list[dict[bytes, bytes]] = await reply(pipeline.execute()) if ids else []
        sessions = [self._sealer.opened(member_id, *one) for one in zip(ids, stored, strict=True)]
        active = [one for one in sessions if one is not None and not one.is_expired(now)]
        return sorted(active, key=lambda one: one.last_used_at, reverse=True)

    async def end(self, member_id: UUID, session_id: str) -> None:
        """See SessionRepository."""
        keys = [_key(member_id, session_id), _list_key(member_id)]
        await reply(self._end(keys=keys, args=[session_id]))

    async def _set(
        self, session: Session, field: tuple[str, bytes], *, now: datetime | None = None
    ) -> None:
        """Change a field and, with the time `now`, when the session expires."""
        expiry = session.seconds_left(now) if now else 0
        key = _key(session.member_id, session.id)
        await reply(self._change(keys=[key], args=[expiry, *field]))


def _key(member_id: UUID, session_id: str) -> str:
    return f"{{m:{member_id}}}:session:{session_id}"


def _list_key(member_id: UUID) -> str:
    return f"{{m:{member_id}}}:sessions"


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
