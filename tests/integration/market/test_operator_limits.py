"""Every limit that the database keeps is always set, or named by the doctor until it is."""

from pathlib import Path

import msgspec
import pytest

from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator

SETTINGS = """
SELECT table_name || '.' || column_name FROM information_schema.columns
WHERE table_schema = 'public'
  AND data_type IN ('numeric', 'smallint', 'integer', 'bigint', 'interval')
  AND table_name ~ '^(networks|assets|partners|codes|.*(settings|caps|limits|reserves|bounds))$'
"""
"""What an operator sets as a number; other tables have what settlement and the workers count."""

NAMED = {
    "operator_settings.daily_cap_usd": "orders of a day (",
    "operator_settings.fixed_exposure_cap_usd": "open fixed rates (",
    "outflow_settings.daily_cap_usd": "payouts of a day (",
    "reserves.amount": "payouts of btc (",
    "assets.min_deposit": "small deposits of btc (",
    "unpaid_caps.usd": "unpaid orders of a {scope} (",
    "unpaid_caps.orders": "how many orders of a client are unpaid (",
}
"""Limits that may be missing, and what the doctor calls unlimited."""

ALWAYS_SET = {
    "operator_settings.min_usd",
    "operator_settings.max_usd",
    "operator_settings.fixed_confirm_minutes",
    "operator_settings.network_fee_max_multiple",
    "operator_settings.one_person_usd",
    "networks.confirmations",
    "networks.dust_limit",
    "partners.budget",
    "partners.max_codes",
}
"""Limits with a default that is not unlimited, and those whose 0 is declared by the network."""

INHERITED = {
    "assets.confirmations",
    "pair_settings.min_usd",
    "pair_settings.max_usd",
    "outflow_cost_bounds.usd",
}
"""Without one, the limit of the network, of all pairs or of all costs applies."""

NO_LIMIT = {
    "assets.network_fee",
    "operator_settings.fixed_premium_bps",
    "operator_settings.network_fee_margin_bps",
    "operator_settings.spread_bps",
    "networks.fee_bps",
    "networks.chain_id",
    "partners.base_fee_share_bps",
    "partners.markup_bps",
    "codes.markup_bps",
    "assets.precision",
    "assets.position",
    "partners.generation",
    "partners.revision",
    "reserves.promised",
}
"""Prices, facts and counters."""

SCOPES = ("client", "page", "partner")


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    operator = new_operator(database_urls, servers, tmp_path)
    operator.sql("UPDATE operator_settings SET sandbox = false, fixed_rates = true")
    operator.sql("INSERT INTO connected_assets VALUES ('btc', true, true), ('ltc', true, false)")
    return operator


def advice(operator: Operator) -> str:
    checks = msgspec.json.decode(operator.run("doctor", "--json").stdout)["checks"]
    (found,) = [one for one in checks if one["name"] == "limits"]
    assert found["ok"], "it is the operator's decision"
    return str(found["advice"])


def test_every_numeric_setting_is_a_limit_that_the_doctor_names_or_needs_no_name(
    operator: Operator,
) -> None:
    found = {str(name) for (name,) in operator.sql(SETTINGS)}
    considered = [*NAMED, *ALWAYS_SET, *INHERITED, *NO_LIMIT]
    assert found == set(considered), "decide whether the doctor has to name a new limit"
    assert len(found) == len(considered)


def test_limits_that_are_always_set_cannot_be_removed(operator: Operator) -> None:
    columns = operator.sql(
        "SELECT table_name || '.' || column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND is_nullable = 'NO'"
    )
    assert {str(name) for (name,) in columns} >= ALWAYS_SET


def test_the_doctor_names_every_limit_that_is_not_set_outside_the_sandbox(
    operator: Operator,
) -> None:
    operator.json("min-deposit", "set", "btc", "0")
    commands = {
        "operator_settings.daily_cap_usd": ("limits", "set", "--daily-cap-usd", "1000"),
        "operator_settings.fixed_exposure_cap_usd": (
            *("limits", "set", "--fixed-exposure-usd"),
            "1000",
        ),
        "outflow_settings.daily_cap_usd": ("outflow", "cap", "1000"),
        "reserves.amount": ("reserve", "set", "btc", "1"),
        "assets.min_deposit": ("min-deposit", "set", "btc", "0.000001"),
        **{f"unpaid_caps.usd {scope}": ("unpaid-cap", "set", scope, "1000") for scope in SCOPES},
        "unpaid_caps.orders": ("unpaid-cap", "set", "client", "--orders", "30"),
    }
    assert {name.partition(" ")[0] for name in commands} == set(NAMED)
    assert "ltc" not in advice(operator), "what is not sent needs no reserve"
    for name, command in commands.items():
        column, _, scope = name.partition(" ")
        named = NAMED[column].format(scope=scope)
        assert named in advice(operator)
        operator.json(*command)
        assert named not in advice(operator)
    assert advice(operator) == ""


def test_in_the_sandbox_the_doctor_names_no_limit(operator: Operator) -> None:
    operator.sql("UPDATE operator_settings SET sandbox = true")
    assert advice(operator) == ""
