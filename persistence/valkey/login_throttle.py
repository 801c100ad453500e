"""Counts failed attempts, and keeps those away who have failed too often, across all workers."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.cabinet.login_throttle import Subject
from domain.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable

# KEYS: the subject's. ARGV: now in ms, memory in seconds, then what Patience.wait_after goes by. An
# attempt counts as failed from its beginning, so that many at once can't all slip through; what
# succeeds is taken back. Returns the ms to wait, 0 where it may be tried.
BEGIN: Final = """
local kept = server.call('HMGET', KEYS[1], 'failures', 'until')
local until_ms = tonumber(kept[2] or '0')
local now = tonumber(ARGV[1])
if until_ms > now then
  return until_ms - now
end
local failures = tonumber(kept[1] or '0') + 1
local beyond = failures - tonumber(ARGV[3])
local wait, ends = 0, 0
if beyond > 0 then
  wait = math.min(tonumber(ARGV[4]) * 2 ^ math.min(beyond - 1, 20), tonumber(ARGV[5]))
  ends = now + wait * 1000
end
server.call('HSET', KEYS[1], 'failures', failures, 'until', string.format('%d', ends))
server.call('EXPIRE', KEYS[1], math.max(tonumber(ARGV[2]), wait + 1))
return 0
"""

# An address that succeeds gets its attempt back, no more: else an account of one's own would buy
# any number of guesses at others'.
TAKE_BACK: Final = """
local failures = tonumber(server.call('HGET', KEYS[1], 'failures') or '0')
if failures <= 1 then
  server.call('DEL', KEYS[1])
else
  server.call('HSET', KEYS[1], 'failures', failures - 1, 'until', '0')
end
"""


class ValkeyLoginThrottle:
    """LoginThrottle over Valkey."""

    def __init__(self, client: Valkey) -> None:
        self._client = client
        self._begin = client.register_script(BEGIN)
        self._take_back = client.register_script(TAKE_BACK)

    async def begin(self, subject: Subject, *, now: datetime) -> int:
        """See LoginThrottle."""
        patience = subject.patience
        arguments = [
            *(int(now.timestamp() * 1000), patience.memory_seconds, patience.free),
            *(patience.first_wait_seconds, patience.longest_wait_seconds),
        ]
        wait_ms = int(await _asked(self._begin(keys=[_key(subject)], args=arguments)))
        return -(-wait_ms // 1000)

    async def take_back(self, subject: Subject) -> None:
        """See LoginThrottle."""
        await _asked(self._take_back(keys=[_key(subject)], args=[]))

    async def forget(self, subject: Subject) -> None:
        """See LoginThrottle."""
        await _asked(self._client.delete(_key(subject)))


def _key(subject: Subject) -> str:
    return f"attempts:{{{subject.name}}}"


async def _asked(answer: Any) -> Any:
    try:
        return await cast("Awaitable[Any]", answer)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
