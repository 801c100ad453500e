"""The rate snapshot on its way from the rates process to every worker."""

import msgspec
from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from domain.money import USD_DECIMALS, format_units, power_of_ten
from domain.rates import RateSnapshot

KEY = "rates:snapshot"
CHANNEL = "rates"


class _Stored(msgspec.Struct):
    at: float
    prices: dict[str, str]


def encode_snapshot(snapshot: RateSnapshot) -> bytes:
    """Return the snapshot as JSON with decimal prices, readable by whoever looks into Valkey."""
    prices = {coin: format_units(price, USD_DECIMALS) for coin, price in snapshot.prices.items()}
    return msgspec.json.encode(_Stored(at=snapshot.at, prices=prices))


def decode_snapshot(stored: bytes) -> RateSnapshot:
    """Return what `encode_snapshot` was given; raise Unavailable for anything else."""
    try:
        found = msgspec.json.decode(stored, type=_Stored)
        return RateSnapshot(
            at=found.at, prices={coin: _units(text) for coin, text in found.prices.items()}
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unavailable(f"the rate snapshot can't be read: {error}") from None


async def publish_snapshot(client: Valkey, snapshot: RateSnapshot) -> None:
    """Keep the snapshot for workers to come, and tell those that are there."""
    stored = encode_snapshot(snapshot)
    try:
        await client.set(KEY, stored)
        await client.publish(CHANNEL, stored)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error


async def read_snapshot(client: Valkey) -> RateSnapshot | None:
    """Return the newest snapshot, or None before the first; raise Unavailable."""
    try:
        stored = await client.get(KEY)
    except (ValkeyError, OSError) as error:
        raise Unavailable(f"Valkey: {error}") from error
    return decode_snapshot(stored) if stored else None


def _units(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction) * power_of_ten(USD_DECIMALS - len(fraction))
