"""Caps on unpaid orders by command, and how the doctor names those that are not set."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator

WHO = "team@wallet.example"


@pytest.fixture
def operator(servers: Servers, database_urls: DatabaseUrls, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def cap(
    scope: str, usd: str | None, who: str | None = None, *, orders: int | None = None
) -> dict[str, Any]:
    cap = {"scope": scope, "who": who, "capUsd": usd, "capOrders": orders}
    return cap | {"unpaidUsd": "0.00", "unpaidOrders": 0}


def set_cap(*arguments: Any) -> dict[str, Any]:
    """Return what `set` prints: a cap without what counts in it."""
    return {name: value for name, value in cap(*arguments).items() if "unpaid" not in name}


def limits_check(operator: Operator) -> Any:
    checks = msgspec.json.decode(operator.run("doctor", "--json").stdout)["checks"]
    (found,) = [one for one in checks if one["name"] == "limits"]
    return found


def test_caps_are_set_shown_and_removed(operator: Operator) -> None:
    operator.partner(email=WHO)
    assert operator.json("unpaid-cap", "show") == [
        cap(one, None) for one in ("client", "page", "partner")
    ]
    assert operator.json("unpaid-cap", "set", "page", "50000") == set_cap("page", "50000.00")
    operator.json("unpaid-cap", "set", "client", "1500.50")
    operator.json("unpaid-cap", "set", "partner", "20000")
    own = operator.json("unpaid-cap", "set", "partner", "900000", "--who", WHO)
    assert own == set_cap("partner", "900000.00", WHO)
    assert operator.json("unpaid-cap", "show") == [
        cap("client", "1500.50"),
        cap("page", "50000.00"),
        cap("partner", "20000.00"),
        cap("partner", "900000.00", WHO),
    ]
    operator.json("unpaid-cap", "set", "partner", "none", "--who", WHO)
    operator.json("unpaid-cap", "set", "page", "none")
    assert operator.json("unpaid-cap", "show") == [
        cap("client", "1500.50"),
        cap("page", None),
        cap("partner", "20000.00"),
    ]


def test_caps_on_value_and_number_are_set_one_by_one(operator: Operator) -> None:
    operator.json("unpaid-cap", "set", "client", "1500")
    shown = operator.json("unpaid-cap", "set", "client", "--orders", "30")
    assert (shown["capUsd"], shown["capOrders"]) == ("1500.00", 30)
    assert operator.json("unpaid-cap", "show")[0] == cap("client", "1500.00", orders=30)
    operator.json("unpaid-cap", "set", "client", "none")
    assert operator.json("unpaid-cap", "show")[0] == cap("client", None, orders=30)
    operator.json("unpaid-cap", "set", "client", "--orders", "none")
    assert operator.sql("SELECT count(*) FROM unpaid_caps") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["site", "1"], "'site' is none of client, page, partner"),
        (["page", "a lot"], "'a lot' is no amount of USD"),
        (["page", "-1"], "'-1' is no amount of USD"),
        (["partner", "1", "--who", "nobody@wallet.example"], "There is no partner nobody@"),
        (["client"], "Give a cap in USD, or --orders, or both"),
        (["client", "--orders", "many"], "'many' is no number of orders up to 1000000"),
        (["client", "--orders", "1000001"], "'1000001' is no number of orders up to 1000000"),
        (["client", "1", "--who", WHO], "A cap of scope client applies to no single partner"),
    ],
)
def test_invalid_caps_are_rejected_and_change_nothing(
    operator: Operator, arguments: list[str], message: str
) -> None:
    operator.partner(email=WHO)
    arguments = ["--", *arguments] if "-1" in arguments else arguments
    assert operator.error("unpaid-cap", "set", *arguments).startswith(message)
    assert operator.sql("SELECT count(*) FROM unpaid_caps") == [(0,)]


def test_the_doctor_names_caps_that_are_not_set_outside_the_sandbox(operator: Operator) -> None:
    assert limits_check(operator) == {"name": "limits", "ok": True, "advice": ""}
    operator.sql("UPDATE operator_settings SET sandbox = false")
    advice = limits_check(operator)["advice"]
    for scope in ("client", "page", "partner"):
        assert f"unpaid orders of a {scope} (`swapgate unpaid-cap set {scope} USD`)" in advice
        operator.json("unpaid-cap", "set", scope, "1000")
    number = "how many orders of a client are unpaid (`swapgate unpaid-cap set client --orders N`)"
    assert number in limits_check(operator)["advice"]
    operator.json("unpaid-cap", "set", "client", "--orders", "30")
    assert "unpaid" not in limits_check(operator)["advice"]
