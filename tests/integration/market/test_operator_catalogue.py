"""Assets, pairs, fees, limits and switches by command, as the workers then read them."""

from pathlib import Path

import pytest

from domain.assets import Bounds, Catalogue
from persistence.postgres.market.catalogue import read_catalogue
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import USD, Operator, new_operator, with_database


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def catalogue_of(operator: Operator) -> Catalogue:
    return with_database(operator.urls.gateway, read_catalogue)


def test_assets_are_listed_with_their_settings(operator: Operator) -> None:
    assets = operator.json("asset", "list")

    assert len(assets) == 32
    assert assets[0] == {
        "code": "btc",
        "coin": "BTC",
        "network": "Bitcoin",
        "chain": "bitcoin",
        "chainId": None,
        "contract": None,
        "enabled": True,
        "receivable": True,
        "sendable": True,
        "precision": 8,
        "networkFee": "0.00002000",
        "feeBps": 50,
    }


def test_an_asset_is_shown_with_its_chain_and_contract(operator: Operator) -> None:
    shown = operator.json("asset", "show", "USDT_ERC20")
    listed = operator.json("asset", "list")
    assert shown == next(asset for asset in listed if asset["code"] == "usdt_erc20")
    assert (shown["chain"], shown["chainId"]) == ("ethereum", 1)
    assert shown["contract"] == "0xdAC17F958D2ee523a2206206994597C13D831ec7"


def test_an_asset_is_disabled_and_enabled(operator: Operator) -> None:
    assert operator.json("asset", "disable", "XMR") == {"code": "xmr", "enabled": False}
    assert not catalogue_of(operator).assets["xmr"].enabled
    listed = {asset["code"]: asset["enabled"] for asset in operator.json("asset", "list")}
    assert [code for code, enabled in listed.items() if not enabled] == ["xmr"]

    assert operator.json("asset", "enable", "xmr") == {"code": "xmr", "enabled": True}
    assert catalogue_of(operator).assets["xmr"].enabled


def test_a_pair_is_disabled_and_enabled_in_one_direction(operator: Operator) -> None:
    off = operator.json("pair", "disable", "btc", "XMR")
    assert off == {"from": "btc", "to": "xmr", "enabled": False}
    pairs = catalogue_of(operator).pairs
    assert ("btc", "xmr") not in pairs
    assert ("xmr", "btc") in pairs

    assert operator.json("pair", "enable", "btc", "xmr")["enabled"] is True
    assert ("btc", "xmr") in catalogue_of(operator).pairs


def test_a_pairs_own_switch_is_listed_apart_from_whether_it_is_active(operator: Operator) -> None:
    operator.json("pair", "disable", "btc", "eth")
    operator.json("asset", "disable", "xmr")
    operator.json("limits", "set", "--from", "btc", "--to", "ltc", "--max-usd", "99.5")

    pairs = {(pair["from"], pair["to"]): pair for pair in operator.json("pair", "list")}
    assert len(pairs) == 32 * 31
    seen = {
        to: (pairs["btc", to]["enabled"], pairs["btc", to]["active"])
        for to in ("eth", "xmr", "trx")
    }
    assert seen == {"eth": (False, False), "xmr": (True, False), "trx": (True, True)}
    assert pairs["btc", "ltc"]["minUsd"] == "1.00"
    assert pairs["btc", "ltc"]["maxUsd"] == "99.50"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["asset", "disable", "gold"], "There is no asset gold"),
        (["asset", "enable", "usdt"], "There is no asset usdt"),
        (["pair", "disable", "btc", "gold"], "There is no pair btc to gold"),
        (["pair", "enable", "btc", "btc"], "There is no pair btc to btc"),
        (["fee", "set", "Fedwire", "10"], "There is no network Fedwire"),
        (["fee", "set", "Tron", "2001"], "A fee of 2001 bps is not in 0..2000"),
        (["spread", "set", "2001"], "A spread of 2001 bps is not in 0..2000"),
        (["network-fee", "set", "gold", "1"], "There is no asset gold"),
        (["network-fee", "set", "btc", "1e-5"], "'1e-5' is no network fee of btc: "),
        (["network-fee", "set", "btc", "0.000000001"], "'0.000000001' is no network fee of btc: "),
        (["network-fee", "set", "btc", "NaN"], "'NaN' is no network fee of btc: "),
        (["network-fee", "set", "btc", ""], "'' is no network fee of btc: "),
    ],
)
def test_unknown_names_and_values_out_of_range_are_rejected(
    operator: Operator, arguments: list[str], message: str
) -> None:
    before = operator.json("asset", "list")

    assert operator.error(*arguments).startswith(message)
    assert operator.json("asset", "list") == before
    assert operator.sql("SELECT count(*) FROM pair_settings") == [(0,)]


def test_the_spread_is_part_of_every_fee(operator: Operator) -> None:
    before = catalogue_of(operator).assets
    assert operator.json("spread", "set", "15") == {"spreadBps": 15}
    after = catalogue_of(operator).assets
    assert all(after[code].fee_bps == asset.fee_bps + 15 for code, asset in before.items())
    operator.json("spread", "set", "0")
    assert catalogue_of(operator).assets == before


def test_fees_are_set_by_network_and_by_asset(operator: Operator) -> None:
    assert operator.json("fee", "set", "xrp ledger", "0") == {"network": "XRP Ledger", "feeBps": 0}
    assert operator.json("fee", "set", "Tron", "2000")["feeBps"] == 2000
    assert operator.json("network-fee", "set", "USDT_TRC20", "2.5") == {
        "asset": "usdt_trc20",
        "networkFee": "2.500000",
    }
    assert operator.json("network-fee", "set", "btc", "0.0")["networkFee"] == "0.00000000"

    assets = catalogue_of(operator).assets
    assert assets["xrp"].fee_bps == 0
    assert (assets["usdt_trc20"].fee_bps, assets["trx"].fee_bps) == (2000, 2000)
    assert (assets["usdt_trc20"].network_fee, assets["btc"].network_fee) == (2_500_000, 0)


def test_each_limit_of_all_pairs_changes_by_itself(operator: Operator) -> None:
    steps = [
        (["--min-usd", "2.50"], ("2.50", "5000.00", None, None)),
        (["--max-usd", "1000"], ("2.50", "1000.00", None, None)),
        (["--daily-cap-usd", "20000"], ("2.50", "1000.00", "20000.00", None)),
        (["--fixed-exposure-usd", "900"], ("2.50", "1000.00", "20000.00", "900.00")),
        (["--daily-cap-usd", "none", "--min-usd", "1"], ("1.00", "1000.00", None, "900.00")),
    ]

    for options, (least, most, cap, exposure) in steps:
        assert operator.json("limits", "set", *options) == {
            "minUsd": least,
            "maxUsd": most,
            "dailyCapUsd": cap,
            "fixedExposureUsd": exposure,
        }
    assert catalogue_of(operator).bounds("btc", "xmr") == Bounds(1 * USD, 1000 * USD)
    assert operator.sql("SELECT daily_cap_usd FROM operator_settings") == [(None,)]


def test_a_pair_keeps_its_own_limits_until_they_are_removed(operator: Operator) -> None:
    pair = ["--from", "btc", "--to", "xmr"]

    own = operator.json("limits", "set", *pair, "--min-usd", "50")
    assert own == {"from": "btc", "to": "xmr", "minUsd": "50.00", "maxUsd": None}
    operator.json("limits", "set", "--max-usd", "900")
    assert catalogue_of(operator).bounds("btc", "xmr") == Bounds(50 * USD, 900 * USD)
    assert catalogue_of(operator).bounds("xmr", "btc") == Bounds(1 * USD, 900 * USD)

    operator.json("pair", "disable", "btc", "xmr")
    assert operator.json("limits", "set", *pair, "--min-usd", "none")["minUsd"] is None
    assert catalogue_of(operator).bounds("btc", "xmr") == Bounds(1 * USD, 900 * USD)
    assert ("btc", "xmr") not in catalogue_of(operator).pairs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "There is nothing to change: name a limit"),
        (["--from", "btc", "--to", "xmr"], "There is nothing to change: name a limit"),
        (
            ["--from", "btc", "--max-usd", "9"],
            "--from and --to must be used together: they name a pair",
        ),
        (
            ["--to", "btc", "--max-usd", "9"],
            "--from and --to must be used together: they name a pair",
        ),
        (["--min-usd", "0"], "'0' is no amount of USD: zero"),
        (["--min-usd=-1"], "'-1' is no amount of USD: "),
        (["--max-usd", "1.005"], "'1.005' is no amount of USD: "),
        (["--max-usd", "1000000001"], "An amount of 1000000001 USD is above 1000000000 USD"),
        (["--min-usd", "none"], "'none' is no amount of USD: "),
        (["--daily-cap-usd", "lots"], "'lots' is no amount of USD: "),
        (["--min-usd", "6000"], "The minimum of all pairs would be 6000.00 USD, above its maximum"),
        (["--max-usd", "0.99"], "The minimum of all pairs would be 1.00 USD, above its maximum"),
        (
            ["--from", "btc", "--to", "xmr", "--min-usd", "5001"],
            "The minimum of btc to xmr would be 5001.00 USD, above its maximum of 5000.00 USD",
        ),
        (
            ["--from", "btc", "--to", "xmr", "--daily-cap-usd", "9"],
            "A cap applies to all pairs together: omit --from and --to",
        ),
        (["--from", "btc", "--to", "gold", "--max-usd", "9"], "There is no pair btc to gold"),
        (["--from", "btc", "--to", "btc", "--max-usd", "9"], "There is no pair btc to btc"),
    ],
)
def test_invalid_limits_are_rejected_and_change_nothing(
    operator: Operator, options: list[str], message: str
) -> None:
    assert operator.error("limits", "set", *options).startswith(message)
    assert operator.sql("SELECT min_usd, max_usd, daily_cap_usd FROM operator_settings") == [
        (1, 5000, None)
    ]
    assert operator.sql("SELECT count(*) FROM pair_settings") == [(0,)]


def test_limits_of_all_pairs_must_leave_room_in_every_pair(operator: Operator) -> None:
    operator.json("limits", "set", "--from", "btc", "--to", "xmr", "--min-usd", "800")

    assert operator.error("limits", "set", "--max-usd", "799.99") == (
        "The minimum of btc to xmr would be 800.00 USD, above its maximum of 799.99 USD"
    )
    assert operator.json("limits", "set", "--max-usd", "800")["maxUsd"] == "800.00"


@pytest.mark.parametrize("switch", ["maintenance", "fixed-rates", "refunds"])
def test_a_switch_changes_only_its_own_setting(operator: Operator, switch: str) -> None:
    camel = {"fixed-rates": "fixedRates"}.get(switch, switch)
    field = switch.replace("-", "_")

    for to, on in (("on", True), ("on", True), ("off", False)):
        assert operator.json(switch, to) == {camel: on}
        switches = catalogue_of(operator).switches
        turned = {
            name for name in ("maintenance", "fixed_rates", "refunds") if getattr(switches, name)
        }
        assert turned == ({field} if on else set())


def test_a_switch_accepts_only_its_choices(operator: Operator) -> None:
    done = operator.run("maintenance", "maybe")
    assert done.exit_code == 1
    assert "'on', 'off'" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["asset", "disable", "xmr"],
        ["pair", "disable", "btc", "xmr"],
        ["fee", "set", "Tron", "10"],
        ["spread", "set", "5"],
        ["network-fee", "set", "btc", "0.1"],
        ["limits", "set", "--min-usd", "2"],
        ["limits", "set", "--from", "btc", "--to", "xmr", "--min-usd", "2"],
        ["maintenance", "on"],
        ["fixed-rates", "on"],
        ["refunds", "on"],
    ],
)
def test_every_change_raises_the_revision_and_prints_its_result(
    operator: Operator, arguments: list[str]
) -> None:
    before = operator.revisions()["catalogue"]

    done = operator.run(*arguments)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip()
    assert operator.revisions()["catalogue"] > before


def test_each_entry_of_a_list_is_one_line(operator: Operator) -> None:
    assets = operator.run("asset", "list").stdout
    assert any(line.split()[:3] == ["xmr", "XMR", "Monero"] for line in assets.splitlines())
    pairs = operator.run("pair", "list").stdout
    assert any(line.split()[:2] == ["atom", "dai_erc20"] for line in pairs.splitlines())
