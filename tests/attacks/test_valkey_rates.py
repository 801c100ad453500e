"""An attacker who can write to Valkey tries to have orders settled at prices of their own."""

import time

import msgspec
from valkey import Valkey

from domain.market.rates import RateSnapshot
from persistence.valkey.rates import CHANNEL, KEY, encode_snapshot
from tests.conftest import Running
from tests.support.waiting import wait_until

USD = 10**18


def test_settlement_of_a_sandbox_ignores_prices_that_the_rates_process_has_not_signed(
    up: Running,
) -> None:
    log = up.data_dir / "logs" / "settlement.log"

    def rejections() -> int:
        return log.read_text().count("isn't signed with the key")

    forged = RateSnapshot(at=time.time(), prices={"BTC": USD, "USDT": USD})
    document = encode_snapshot(forged, key=bytes(32))
    unsigned = msgspec.json.encode({**msgspec.json.decode(document), "mac": ""})
    with Valkey.from_url(up.valkey_url()) as valkey:
        for planted in (document, unsigned):
            before = rejections()
            valkey.set(KEY, planted)
            valkey.publish(CHANNEL, planted)
            wait_until(rejections, before.__lt__)
