"""Outside the sandbox only assets that settlement is connected to are available."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.assets import Catalogue
from domain.chains.transfers import ConnectedAsset
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator, with_database

LITECOIN = ConnectedAsset("ltc", receives=True, sends=True)
ETHER = ConnectedAsset("eth", receives=True, sends=True)
WATCHED_ONLY = ConnectedAsset("btc", receives=True, sends=False)


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path, sandbox=False)


def connect(operator: Operator, assets: Sequence[ConnectedAsset]) -> None:
    async def work(settlement: Database) -> None:
        catalogue = await read_catalogue(settlement)
        await PostgresChainRepository(settlement, lambda: catalogue).set_connected(assets)

    with_database(operator.urls.settlement, work)


def catalogue_of(operator: Operator) -> Catalogue:
    return with_database(operator.urls.gateway, read_catalogue)


def checked(operator: Operator) -> dict[str, Any]:
    document = msgspec.json.decode(operator.run("doctor", "--json").stdout)
    (found,) = (one for one in document["checks"] if one["name"] == "connected-assets")
    return dict(found)


def test_no_pair_is_available_before_settlement_has_reported_its_chains(operator: Operator) -> None:
    catalogue = catalogue_of(operator)
    assert catalogue.assets
    assert (catalogue.active_assets(), dict(catalogue.pairs)) == ([], {})


def test_only_connected_assets_are_available(operator: Operator) -> None:
    connect(operator, [LITECOIN, ETHER, WATCHED_ONLY])
    catalogue = catalogue_of(operator)
    assert set(catalogue.pairs) == {
        ("ltc", "eth"), ("eth", "ltc"), ("btc", "ltc"), ("btc", "eth")
    }  # fmt: skip
    listed = {one.code: (one.receivable, one.sendable) for one in catalogue.active_assets()}
    assert listed == {"ltc": (True, True), "eth": (True, True), "btc": (True, False)}


def test_an_asset_that_is_disconnected_becomes_unavailable(operator: Operator) -> None:
    connect(operator, [LITECOIN, ETHER])
    connect(operator, [LITECOIN])
    assert dict(catalogue_of(operator).pairs) == {}


def test_an_asset_disabled_by_the_operator_stays_disabled(operator: Operator) -> None:
    connect(operator, [LITECOIN, ETHER])
    operator.json("asset", "disable", "eth")
    assert dict(catalogue_of(operator).pairs) == {}


def test_workers_are_notified_of_changes_only(operator: Operator) -> None:
    before = operator.revisions()["catalogue"]
    connect(operator, [LITECOIN])
    revision = operator.revisions()["catalogue"]
    assert revision > before
    connect(operator, [LITECOIN])
    assert operator.revisions()["catalogue"] == revision


def test_all_assets_are_available_in_the_sandbox(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> None:
    sandbox = new_operator(database_urls, servers, tmp_path)
    assert len(catalogue_of(sandbox).active_assets()) == 32
    assert checked(sandbox)["advice"] == ""


def test_doctor_reports_assets_that_are_not_connected(operator: Operator) -> None:
    connect(operator, [LITECOIN])
    found = checked(operator)
    assert found["ok"]
    assert found["advice"].startswith("31 assets are not swapped both ways")
    assert "Tron" in found["advice"]


def test_doctor_fails_if_an_open_order_requires_a_disconnected_asset(
    operator: Operator,
) -> None:
    order_id = operator.order()
    operator.sql("UPDATE orders SET state = 'paying_out' WHERE id = %s", order_id)
    connect(operator, [WATCHED_ONLY])
    found = checked(operator)
    assert not found["ok"]
    assert "Orders wait for usdt_trc20" in found["advice"]
