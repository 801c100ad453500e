"""Failed attempts in Valkey, counted across all workers."""

from datetime import datetime
from typing import Final

from valkey.asyncio import Valkey

from domain.cabinet.login_throttle import MAX_DOUBLINGS, ThrottleKey
from persistence.valkey.connection.client import reply

# KEYS: the throttle key. ARGV: now in ms, seconds after which failures are forgotten, then the
# fields of ThrottlePolicy.wait_after. An attempt counts as failed from its start, so that
# concurrent attempts cannot all slip through; a successful one is undone. Returns the ms to wait,
# 0 if the attempt is allowed.
BEGIN: Final = f"""
local stored = server.call('HMGET', KEYS[1], 'failures', 'until')
local until_ms = tonumber(stored[2] or '0')
local now = tonumber(ARGV[1])
if until_ms > now then
  return until_ms - now
end
local failures = tonumber(stored[1] or '0') + 1
local throttled = failures - tonumber(ARGV[3])
local wait, ends = 0, 0
if throttled > 0 then
  local doublings = math.min(throttled - 1, {MAX_DOUBLINGS})
  wait = math.min(tonumber(ARGV[4]) * 2 ^ doublings, tonumber(ARGV[5]))
  ends = now + wait * 1000
end
server.call('HSET', KEYS[1], 'failures', failures, 'until', string.format('%d', ends))
server.call('EXPIRE', KEYS[1], math.max(tonumber(ARGV[2]), wait + 1))
return 0
"""

# A successful attempt of a shared key is undone and no more: see domain.actions.cabinet.throttled.
UNDO: Final = """
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
        self._undo = client.register_script(UNDO)

    async def begin(self, key: ThrottleKey, *, now: datetime) -> int:
        """See LoginThrottle."""
        policy = key.policy
        arguments = [
            *(int(now.timestamp() * 1000), policy.reset_after_seconds, policy.free_attempts),
            *(policy.first_wait_seconds, policy.max_wait_seconds),
        ]
        wait_ms = int(await reply(self._begin(keys=[_key(key)], args=arguments)))
        return -(-wait_ms // 1000)

    async def undo(self, key: ThrottleKey) -> None:
        """See LoginThrottle."""
        await reply(self._undo(keys=[_key(key)], args=[]))

    async def reset(self, key: ThrottleKey) -> None:
        """See LoginThrottle."""
        await reply(self._client.delete(_key(key)))


def _key(key: ThrottleKey) -> str:
    return f"attempts:{{{key.name}}}"
