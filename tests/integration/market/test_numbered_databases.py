"""Two installations on numbered databases of one Valkey quote at their own prices."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from domain.market.rates import RateSnapshot
from gateway.asgi import AsgiMiddleware
from gateway.instance import KEYRING_FILE
from gateway.settings import Settings
from gateway.wiring.worker import GatewayProcess
from persistence.valkey.admission.nonces import declare_complete
from persistence.valkey.connection.client import connect
from persistence.valkey.rates import RatePublisher
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.degraded import ASSETS, application_of
from tests.support.clients.operator_command import RATES_KEY, USD, Operator, new_operator
from tests.support.servers.in_process import request
from tests.support.waiting import wait_until_async

QUOTE = msgspec.json.encode(
    {
        "type": "float",
        "fromCcy": ASSETS[0],
        "toCcy": ASSETS[1],
        "direction": "from",
        "amount": "0.01",
    }
)


class Installation:
    """A gateway, and what publishes its prices."""

    def __init__(self, operator: Operator, url: str) -> None:
        settings = Settings(
            database_url=operator.urls.gateway,
            valkey_url=url,
            keyring_path=operator.data_dir / KEYRING_FILE,
            public_url="https://x",
        )
        self.process = GatewayProcess(settings)
        self.valkey = connect(url)
        self.publisher = RatePublisher(self.valkey, token=url, key=RATES_KEY)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[AsgiMiddleware]:
        await self.valkey.flushdb()
        await declare_complete(self.valkey)
        await self.process.start()
        try:
            yield application_of(self.process)
        finally:
            await self.process.stop()
            await self.valkey.flushdb()
            await self.valkey.aclose()

    async def publish(self, dollars: int) -> None:
        prices = {"BTC": dollars * USD, "USDT": USD}
        assert await self.publisher.publish(RateSnapshot(at=time.time(), prices=prices))


async def quoted(application: AsgiMiddleware) -> float | None:
    """Return the rate that a gateway quotes, if it quotes."""
    response = await request(application, "POST", "/v1/price", QUOTE)
    document = msgspec.json.decode(response.text)
    return float(document["data"]["from"]["rate"]) if document["code"] == 0 else None


async def test_each_quotes_at_its_own_prices(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> None:
    operator = new_operator(database_urls, servers, tmp_path, sandbox=False)
    operator.sql(
        "INSERT INTO connected_assets (asset, receives, sends)"
        " SELECT code, true, true FROM assets WHERE code = ANY (%s)",
        list(ASSETS),
    )
    low, high = (Installation(operator, f"{servers.valkey.url}?db={number}") for number in (5, 6))
    async with low.running() as quotes_low, high.running() as quotes_high:
        for step in range(5):
            await low.publish(50_000 + step)
            await high.publish(90_000 + step)
            for gateway, dollars in ((quotes_low, 50_000), (quotes_high, 90_000)):
                await wait_until_async(partial(quoted, gateway), bool)
                rates = [await quoted(gateway) for _ in range(10)]
                assert rates == [pytest.approx(dollars, rel=0.02)] * 10
