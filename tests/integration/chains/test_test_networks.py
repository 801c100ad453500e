"""`swapgate doctor` names the test networks that settlement follows; orders link to no explorer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.records import become_sandbox
from tests.support.clients.operator_command import Operator, new_operator, with_database


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path, sandbox=False)


def follow(operator: Operator, test_networks: Mapping[str, str]) -> None:
    async def work(settlement: Database) -> None:
        catalogue = await read_catalogue(settlement)
        await PostgresChainRepository(settlement, lambda: catalogue).set_test_networks(
            test_networks
        )

    with_database(operator.urls.settlement, work)


def explorers(operator: Operator) -> dict[str, str | None]:
    """Return the page of a transaction of three assets."""
    found: dict[str, str | None] = {}

    async def work(gateway: Database) -> None:
        assets = (await read_catalogue(gateway)).assets
        for code in ("btc", "ltc", "usdt_erc20"):
            found[code] = assets[code].explorer_url("ab12")

    with_database(operator.urls.gateway, work)
    return found


def test_orders_link_to_an_explorer_except_on_test_networks_and_in_a_sandbox(
    operator: Operator,
) -> None:
    live = {
        "btc": "https://mempool.space/tx/ab12",
        "ltc": "https://litecoinspace.org/tx/ab12",
        "usdt_erc20": "https://etherscan.io/tx/ab12",
    }
    assert explorers(operator) == live
    follow(operator, {"Litecoin": "testnet"})
    assert explorers(operator) == live | {"ltc": None}
    become_sandbox(operator.urls.superuser)
    assert explorers(operator) == dict.fromkeys(live)


def checked(operator: Operator) -> dict[str, Any]:
    document = msgspec.json.decode(operator.run("doctor", "--json").stdout)
    (found,) = (one for one in document["checks"] if one["name"] == "test-networks")
    return dict(found)


def test_doctor_fails_while_a_test_network_is_followed(operator: Operator) -> None:
    assert checked(operator)["ok"]
    follow(operator, {"Litecoin": "regtest", "Ethereum": "anvil"})
    follow(operator, {"Litecoin": "testnet", "Ethereum": "anvil"})
    found = checked(operator)
    assert not found["ok"]
    assert "Ethereum (anvil), Litecoin (testnet)" in found["advice"]
    follow(operator, {"Ethereum": "anvil"})
    assert "worth nothing: Ethereum (anvil). Before" in checked(operator)["advice"]
    follow(operator, {})
    assert checked(operator)["ok"]
