"""Rates are signed, and only those signed with the configured key are accepted."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from domain.errors import Unavailable
from domain.market.rates import RateSnapshot
from gateway.settings import RateMarket, Settings, SettingsError
from gateway.wiring.rates import run_rates
from gateway.wiring.settlement import run_settlement
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


@pytest.mark.parametrize("sandbox", [True, False])
def test_no_process_signs_or_verifies_prices_without_a_key(sandbox: bool) -> None:
    settings = Settings(
        database_url="postgresql:///swapgate",
        valkey_url="valkey://cache",
        keyring_path=Path("keys"),
        sandbox=sandbox,
        rates=RateMarket.EXCHANGES,
    )
    for work in (run_rates(settings, seed=1), run_settlement(settings, auto_settle=False)):
        with pytest.raises(SettingsError, match="SWAPGATE_RATES_KEY is not set"):
            asyncio.run(work)


def test_real_money_needs_a_source_of_prices() -> None:
    settings = Settings(
        database_url="postgresql:///swapgate",
        valkey_url="valkey://cache",
        keyring_path=Path("keys"),
        rates_key="key",
    )
    with pytest.raises(SettingsError, match="SWAPGATE_RATES is not set"):
        asyncio.run(run_rates(settings, seed=1))
    sandbox = msgspec.structs.replace(settings, sandbox=True)
    assert sandbox.rate_market is RateMarket.SANDBOX
