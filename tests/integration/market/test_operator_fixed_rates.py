"""Terms of fixed rates and least deposits by command, as workers and settlement read them."""

from datetime import timedelta
from pathlib import Path

import pytest

from domain.assets import Excess, FixedRateTerms
from persistence.postgres.market.catalogue import read_catalogue
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator, with_database


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def test_the_terms_of_fixed_rates_are_set_and_read_by_all_processes(operator: Operator) -> None:
    shown = operator.json("fixed-rate-terms", "show")
    assert shown == {"premiumBps": 0, "confirmMinutes": 180, "excess": "worse_rate"}
    operator.json("fixed-rate-terms", "set", "--premium-bps", "25")
    operator.json("fixed-rate-terms", "set", "--excess", "refund")
    changed = operator.json("fixed-rate-terms", "set", "--confirm-minutes", "90")
    assert changed == {"premiumBps": 25, "confirmMinutes": 90, "excess": "refund"}
    for url in (operator.urls.gateway, operator.urls.settlement):
        terms = with_database(url, read_catalogue).fixed_rate_terms
        assert terms == FixedRateTerms(25, timedelta(minutes=90), Excess.REFUND)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--premium-bps", "2001"),
        ("--premium-bps=-1",),
        ("--confirm-minutes", "0"),
    ],
)
def test_invalid_terms_are_rejected(operator: Operator, arguments: tuple[str, ...]) -> None:
    assert operator.error("fixed-rate-terms", "set", *arguments)
    shown = operator.json("fixed-rate-terms", "show")
    assert shown == {"premiumBps": 0, "confirmMinutes": 180, "excess": "worse_rate"}


def test_the_least_deposit_of_an_asset_is_set(operator: Operator) -> None:
    assert operator.json("min-deposit", "show", "btc")["minDeposit"] == "0.00000100"
    assert len(operator.json("min-deposit", "show")) == 32
    operator.json("min-deposit", "set", "BTC", "0.00002")
    assert with_database(operator.urls.settlement, read_catalogue).assets["btc"].min_deposit == 2000
    operator.json("min-deposit", "set", "btc", "0")
    assert operator.json("min-deposit", "show", "btc")["minDeposit"] == "0.00000000"
    assert operator.error("min-deposit", "set", "btc", "0.000000001").startswith("'0.000000001'")


def test_a_deposit_below_the_least_one_is_rejected_by_the_sandbox(operator: Operator) -> None:
    order_id = operator.order()
    message = operator.error("sandbox", "deposit", order_id, "--amount", "0.00000099")
    assert message.startswith("A deposit below 0.00000100 btc counts for nothing")


def test_the_cap_of_open_fixed_rates_is_set_with_the_limits(operator: Operator) -> None:
    assert operator.json("limits", "show")["fixedExposureUsd"] is None
    changed = operator.json("limits", "set", "--fixed-exposure-usd", "20000")
    assert changed["fixedExposureUsd"] == "20000.00"
    assert operator.json("limits", "set", "--min-usd", "2")["fixedExposureUsd"] == "20000.00"
    operator.error("limits", "set", "--from", "btc", "--to", "xmr", "--fixed-exposure-usd", "1")
    operator.json("limits", "set", "--fixed-exposure-usd", "none")
    assert operator.json("limits", "show")["fixedExposureUsd"] is None
