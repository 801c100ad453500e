"""The rate snapshot, from the one leading rates process to every worker."""

import hmac
from typing import Final

import msgspec
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from domain.market.rates import MAX_AGE_SECONDS, MAX_AHEAD_SECONDS, RateSnapshot
from domain.money import USD_DECIMALS, format_units, power_of_ten

KEY: Final = "rates:snapshot"
CHANNEL: Final = "rates"
LEASE: Final = f"{{{KEY}}}:leader"
"""In the snapshot's slot of a cluster, so that one script can access both."""
SOURCES: Final = f"{{{KEY}}}:sources"
LEASE_MS: Final = 3_000
"""How long no other process may publish after the leader did, which it does every second."""

# Publishing itself acquires or renews the lease: a process that cannot publish does not lead, and a
# leader that was suspended cannot publish an outdated snapshot once another process leads. Nor does
# one lead whose clock differs from the server's: no process would use its prices. The message has
# the snapshot for processes of version 0.2.0; others read the key.
PUBLISH: Final = """
local leader = server.call('GET', KEYS[2])
local now = server.call('TIME')
local behind = now[1] + now[2] / 1000000 - ARGV[6]
if behind < -ARGV[7] or behind > ARGV[8] + 0 then
  if leader == ARGV[1] then
    server.call('DEL', KEYS[2])
  end
  return tostring(behind)
end
if leader and leader ~= ARGV[1] then
  return 0
end
server.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
server.call('SET', KEYS[1], ARGV[3])
if ARGV[4] ~= '' then
  server.call('SET', KEYS[3], ARGV[4])
end
server.call('PUBLISH', ARGV[5], ARGV[3])
return 1
"""

RESIGN: Final = """
if server.call('GET', KEYS[1]) == ARGV[1] then
  server.call('DEL', KEYS[1])
end
"""


class _StoredSnapshot(msgspec.Struct, omit_defaults=True):
    at: float
    prices: dict[str, str]
    mac: str = ""
    """Hex HMAC-SHA256 of the same document without this field."""


def encode_snapshot(snapshot: RateSnapshot, *, key: bytes) -> bytes:
    """Return the snapshot as JSON with decimal prices, signed with `key`."""
    prices = {coin: format_units(price, USD_DECIMALS) for coin, price in snapshot.prices.items()}
    signed = _StoredSnapshot(at=snapshot.at, prices=prices, mac=_mac(key, snapshot.at, prices))
    return msgspec.json.encode(signed)


def decode_snapshot(document: bytes, *, key: bytes | None = None) -> RateSnapshot:
    """Return the snapshot of a document made by `encode_snapshot`; raise Unavailable for others.

    With a key, only a document signed with it is accepted. Gateways have none: see decision 0082.
    """
    try:
        stored = msgspec.json.decode(document, type=_StoredSnapshot)
        if key is not None and not _is_signed(stored, key):
            raise Unavailable("the rate snapshot isn't signed with the key of SWAPGATE_RATES_KEY")
        prices = {coin: _units(text) for coin, text in stored.prices.items()}
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unavailable(f"the rate snapshot is not readable: {error}") from None
    return RateSnapshot(at=stored.at, prices=prices)


class RatePublisher:
    """Publishes snapshots while this process leads, or no process does."""

    def __init__(self, client: Valkey, *, token: str, key: bytes) -> None:
        """Accept a token that identifies this process, and the key to sign with."""
        self._token = token
        self._key = key
        self._client = client
        self._publish = client.register_script(PUBLISH)
        self._resign = client.register_script(RESIGN)

    async def publish(self, snapshot: RateSnapshot, *, sources: bytes = b"") -> bool:
        """Store the snapshot and notify all workers.

        Returns False, and does nothing, where another process leads. `sources` is stored beside the
        snapshot, for `read_sources`. Raises Unavailable, also for a snapshot whose time no process
        would accept by the server's clock.
        """
        document = encode_snapshot(snapshot, key=self._key)
        try:
            published = await self._publish(
                keys=[KEY, LEASE, SOURCES],
                args=[
                    *(self._token, LEASE_MS, document, sources, CHANNEL),
                    *(snapshot.at, MAX_AHEAD_SECONDS, MAX_AGE_SECONDS),
                ],
            )
        except (ValkeyError, OSError) as error:
            raise Unavailable(f"Valkey: {error}") from error
        if isinstance(published, bytes):
            raise Unavailable(
                f"the clock of this machine is {abs(float(published)):.0f} s "
                f"{'behind' if float(published) > 0 else 'ahead of'} Valkey's: set both by NTP"
            )
        return bool(published)

    async def resign(self) -> None:
        """Let another process lead at once; raise Unavailable."""
        try:
            await self._resign(keys=[LEASE], args=[self._token])
        except (ValkeyError, OSError) as error:
            raise Unavailable(f"Valkey: {error}") from error


async def read_sources(client: Valkey) -> bytes | None:
    """Return the leader's last report on its sources, or None; raise Unavailable."""
    return await _read(client, SOURCES)


async def read_snapshot(client: Valkey, *, key: bytes | None = None) -> RateSnapshot | None:
    """Return the newest snapshot, or None before the first; raises as `decode_snapshot`."""
    document = await _read(client, KEY)
    return decode_snapshot(document, key=key) if document else None


async def _read(client: Valkey, key: str) -> bytes | None:
    try:
        value: bytes | None = await client.get(key)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    return value


def _mac(key: bytes, at: float, prices: dict[str, str]) -> str:
    signed = msgspec.json.encode(_StoredSnapshot(at=at, prices=prices))
    return hmac.digest(key, signed, "sha256").hex()


def _is_signed(stored: _StoredSnapshot, key: bytes) -> bool:
    """Compare in constant time, as bytes: text that is not ASCII cannot be compared so."""
    return hmac.compare_digest(_mac(key, stored.at, stored.prices).encode(), stored.mac.encode())


def _units(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction) * power_of_ten(USD_DECIMALS - len(fraction))
