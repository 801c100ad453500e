"""The rate snapshot on its way from the one leading rates process to every worker."""

import hmac

import msgspec
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from domain.market.rates import RateSnapshot
from domain.money import USD_DECIMALS, format_units, power_of_ten

KEY = "rates:snapshot"
CHANNEL = "rates"
LEASE = f"{{{KEY}}}:leader"
"""In the snapshot's slot of a cluster, so that one script may look at both."""
SOURCES = f"{{{KEY}}}:sources"
LEASE_MS = 3_000
"""How long nobody else may publish after the leader did, which it does once a second."""

# The lease is taken or renewed by publishing itself: who can't publish doesn't lead, and a leader
# that was stopped for a while can't publish what it made before.
PUBLISH = """
local leader = server.call('GET', KEYS[2])
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

RESIGN = """
if server.call('GET', KEYS[1]) == ARGV[1] then
  server.call('DEL', KEYS[1])
end
"""


class _Stored(msgspec.Struct, omit_defaults=True):
    at: float
    prices: dict[str, str]
    mac: str = ""
    """HMAC-SHA256, in hex, of the same without it."""


def encode_snapshot(snapshot: RateSnapshot, *, key: bytes | None = None) -> bytes:
    """Return the snapshot as JSON with decimal prices, readable by whoever looks into Valkey.

    With a key it is signed, for those who take prices from nobody else.
    """
    prices = {coin: format_units(price, USD_DECIMALS) for coin, price in snapshot.prices.items()}
    mac = _mac(key, snapshot.at, prices) if key is not None else ""
    return msgspec.json.encode(_Stored(at=snapshot.at, prices=prices, mac=mac))


def decode_snapshot(stored: bytes, *, key: bytes | None = None) -> RateSnapshot:
    """Return what `encode_snapshot` was given; raise Unavailable for anything else.

    With a key only what was signed with it will do: in Valkey others can write, too.
    """
    try:
        found = msgspec.json.decode(stored, type=_Stored)
        if key is not None and not _is_signed(found, key):
            raise Unavailable("the rate snapshot isn't signed with the key of SWAPGATE_RATES_KEY")
        return RateSnapshot(
            at=found.at, prices={coin: _units(text) for coin, text in found.prices.items()}
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unavailable(f"the rate snapshot can't be read: {error}") from None


class RatePublisher:
    """Publishes snapshots while this process leads, or nobody does."""

    def __init__(self, client: Valkey, *, token: str, key: bytes | None = None) -> None:
        """Take what names this process among others, and what it signs with."""
        self._token = token
        self._key = key
        self._client = client
        self._publish = client.register_script(PUBLISH)
        self._resign = client.register_script(RESIGN)

    async def publish(self, snapshot: RateSnapshot, *, sources: bytes = b"") -> bool:
        """Keep the snapshot for workers to come, and tell those that are there.

        False, and nothing done, where another process leads. `sources` is kept beside it, for
        `read_sources`. Raises Unavailable.
        """
        stored = encode_snapshot(snapshot, key=self._key)
        try:
            done = await self._publish(
                keys=[KEY, LEASE, SOURCES],
                args=[self._token, LEASE_MS, stored, sources, CHANNEL],
            )
            return bool(done)
        except (ValkeyError, OSError) as error:
            raise Unavailable(f"Valkey: {error}") from error

    async def resign(self) -> None:
        """Let another process lead at once; raise Unavailable."""
        try:
            await self._resign(keys=[LEASE], args=[self._token])
        except (ValkeyError, OSError) as error:
            raise Unavailable(f"Valkey: {error}") from error


async def read_sources(client: Valkey) -> bytes | None:
    """Return what the leader last told of its sources, or None; raise Unavailable."""
    try:
        found: bytes | None = await client.get(SOURCES)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    return found


async def read_snapshot(client: Valkey, *, key: bytes | None = None) -> RateSnapshot | None:
    """Return the newest snapshot, or None before the first; raises as `decode_snapshot`."""
    try:
        stored = await client.get(KEY)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    return decode_snapshot(stored, key=key) if stored else None


def _mac(key: bytes, at: float, prices: dict[str, str]) -> str:
    signed = msgspec.json.encode(_Stored(at=at, prices=prices))
    return hmac.digest(key, signed, "sha256").hex()


def _is_signed(found: _Stored, key: bytes) -> bool:
    """Compare in constant time; bytes, for what isn't ASCII can't be compared as text."""
    return hmac.compare_digest(_mac(key, found.at, found.prices).encode(), found.mac.encode())


def _units(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction) * power_of_ten(USD_DECIMALS - len(fraction))
