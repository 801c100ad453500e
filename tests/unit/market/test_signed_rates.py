"""Where rates are signed, only those signed with the configured key are accepted."""

import msgspec
import pytest

from domain.errors import Unavailable
from domain.market.rates import RateSnapshot
from persistence.valkey.rates import decode_snapshot, encode_snapshot

KEY, OTHER = bytes(range(32)), bytes(32)
SNAPSHOT = RateSnapshot(at=1_716_800_000.125, prices={"LTC": 85 * 10**18, "ETH": 3 * 10**21 + 1})


def test_signed_prices_can_be_read_with_and_without_the_key() -> None:
    stored = encode_snapshot(SNAPSHOT, key=KEY)
    assert decode_snapshot(stored, key=KEY) == SNAPSHOT
    assert decode_snapshot(stored) == SNAPSHOT


@pytest.mark.parametrize("change", ["price", "coin", "time", "mac", "no mac"])
def test_modified_prices_are_rejected(change: str) -> None:
    document = msgspec.json.decode(encode_snapshot(SNAPSHOT, key=KEY))
    match change:
        case "price":
            document["prices"]["ETH"] = "1.000000000000000000"
        case "coin":
            document["prices"] = {"LTC": document["prices"]["ETH"]}
        case "time":
            document["at"] += 3_600
        case "mac":
            document["mac"] = "é" * 64
        case _:
            del document["mac"]
    with pytest.raises(Unavailable, match="isn't signed"):
        decode_snapshot(msgspec.json.encode(document), key=KEY)


def test_prices_signed_with_another_key_are_rejected() -> None:
    with pytest.raises(Unavailable, match="isn't signed"):
        decode_snapshot(encode_snapshot(SNAPSHOT, key=OTHER), key=KEY)
