"""The network fee of new orders follows settlement's estimates, within the operator's bounds."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from psqlpy.exceptions import Error

from domain.assets import Asset, Catalogue
from domain.chains.transfers import ConnectedAsset
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.market.network_fees import record_estimates
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator, with_database

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTED = [ConnectedAsset(code, receives=True, sends=True) for code in ("ltc", "eth")]
OLD = "UPDATE network_fee_estimates SET estimated_at = now() - interval '16 minutes'"


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    operator = new_operator(database_urls, servers, tmp_path, sandbox=False)

    async def connect(settlement: Database) -> None:
        catalogue = await read_catalogue(settlement)
        await PostgresChainRepository(settlement, lambda: catalogue).set_connected(CONNECTED)

    with_database(operator.urls.settlement, connect)
    for code in ("ltc", "eth"):
        operator.json("network-fee", "set", code, "0.001")
    return operator


def catalogue_of(operator: Operator) -> Catalogue:
    return with_database(operator.urls.gateway, read_catalogue)


def estimate(operator: Operator, **amounts: str) -> None:
    """Record estimates as settlement does, in units of the asset."""
    assets = catalogue_of(operator).assets
    units: Mapping[Asset, int] = {
        assets[code]: int(Decimal(amount).scaleb(assets[code].precision))
        for code, amount in amounts.items()
    }
    with_database(operator.urls.settlement, lambda database: record_estimates(database, units))


def fees(operator: Operator) -> list[str]:
    """Return the network fees of litecoin and ether that the gateway publishes."""
    assets = catalogue_of(operator).assets
    return [str(Decimal(assets[code].network_fee).scaleb(-8)) for code in ("ltc", "eth")]


def check_of(operator: Operator) -> Any:
    document = msgspec.json.decode(operator.run("doctor", "--json").stdout)
    (found,) = (one for one in document["checks"] if one["name"] == "network-fees")
    return found


@pytest.mark.parametrize(
    ("amount", "fee"),
    [
        ("0", "0.00100000"),
        ("0.0008", "0.00100000"),
        ("0.001", "0.00120000"),
        ("0.008", "0.00960000"),
        ("0.5", "0.01000000"),
    ],
)
def test_a_fee_follows_its_estimate_between_the_bounds(
    operator: Operator, amount: str, fee: str
) -> None:
    estimate(operator, ltc=amount)
    assert fees(operator) == [fee, "0.00100000"]


def test_an_old_estimate_is_ignored(operator: Operator) -> None:
    assert catalogue_of(operator).valid_seconds is None
    estimate(operator, ltc="0.004", eth="0.005")
    valid = catalogue_of(operator).valid_seconds
    assert valid is not None
    assert 880 < valid <= 900
    operator.sql(f"{OLD} WHERE asset = 'ltc'")
    assert fees(operator) == ["0.00100000", "0.00600000"]
    estimate(operator, ltc="0.004")
    assert fees(operator) == ["0.00480000", "0.00600000"]


def test_workers_are_notified_only_of_estimates_that_differ_noticeably(operator: Operator) -> None:
    estimate(operator, ltc="0.004", eth="0.004")
    before = operator.revisions()["catalogue"]
    operator.sql(OLD)
    estimate(operator, ltc="0.0041", eth="0.0039")
    assert operator.revisions()["catalogue"] == before
    assert fees(operator) == ["0.00480000", "0.00480000"], "they are confirmed"
    estimate(operator, ltc="0.0043", eth="0.0037")
    assert operator.revisions()["catalogue"] > before
    assert fees(operator) == ["0.00516000", "0.00444000"]


def test_the_operator_sees_fees_and_sets_how_they_follow(operator: Operator) -> None:
    estimate(operator, ltc="0.004")
    shown = operator.json("network-fee", "show", "ltc")
    assert shown.pop("estimatedAt") is not None
    assert shown == {
        "asset": "ltc",
        "networkFee": "0.00480000",
        "operatorFee": "0.00100000",
        "estimate": "0.00400000",
    }
    assert operator.json("network-fee", "follow") == {"marginBps": 2000, "maxMultiple": 10}
    changed = operator.json("network-fee", "follow", "--max-multiple", "3")
    assert changed == {"marginBps": 2000, "maxMultiple": 3}
    assert fees(operator) == ["0.00300000", "0.00100000"]
    operator.json("network-fee", "follow", "--max-multiple", "10", "--margin-bps", "0")
    assert fees(operator) == ["0.00400000", "0.00100000"]
    operator.json("network-fee", "follow", "--max-multiple", "1")
    assert fees(operator) == ["0.00100000", "0.00100000"]
    assert operator.error("network-fee", "follow", "--max-multiple", "0").startswith("A multiple")


def test_the_doctor_names_missing_and_old_estimates_and_fees_that_are_too_low(
    operator: Operator,
) -> None:
    found = check_of(operator)
    assert found["ok"]
    assert "no recent estimate of the network fee of eth, ltc" in found["advice"]
    estimate(operator, ltc="0.004", eth="0.004")
    assert check_of(operator) == {"name": "network-fees", "ok": True, "advice": ""}
    operator.sql(f"{OLD} WHERE asset = 'eth'")
    assert "of eth," in check_of(operator)["advice"]
    estimate(operator, ltc="0.5")
    found = check_of(operator)
    assert not found["ok"]
    assert found["advice"].startswith("Payouts of ltc cost more than new orders are charged")


@pytest.mark.parametrize("role", ["gateway", "admin"])
def test_only_settlement_writes_estimates(operator: Operator, role: str) -> None:
    assets = catalogue_of(operator).assets

    async def write(database: Database) -> None:
        with pytest.raises(Error, match="permission denied"):
            await record_estimates(database, {assets["ltc"]: 1})

    with_database(getattr(operator.urls, role), write)
