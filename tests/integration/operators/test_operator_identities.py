"""Operators are named people: from the first one on, changes require a secret."""

import getpass
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli import main
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.command import invoke
from tests.support.clients.operator_command import Operator, new_operator


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def as_operator(operator: Operator, claim: dict[str, Any], *arguments: str) -> Any:
    environment = {"SWAPGATE_OPERATOR": claim["name"], "SWAPGATE_OPERATOR_SECRET": claim["secret"]}
    return invoke(*arguments, "--json", data_dir=operator.data_dir, **environment)


def log_in(operator: Operator, claim: dict[str, Any]) -> Any:
    return CliRunner().invoke(
        main,
        ["operator", "login", claim["name"], "--data-dir", str(operator.data_dir), "--json"],
        input=claim["secret"] + "\n",
    )


def newest_action(operator: Operator) -> tuple[Any, ...]:
    (row,) = operator.sql(
        "SELECT operator, verified, action, subject FROM operator_actions ORDER BY id DESC LIMIT 1"
    )
    return row


def test_before_the_first_operator_is_registered_the_systems_user_is_recorded(
    operator: Operator,
) -> None:
    operator.json("asset", "disable", "xmr")

    assert newest_action(operator) == (getpass.getuser(), False, "asset disable", "xmr")


def test_of_an_operators_secret_only_a_hash_is_stored(operator: Operator) -> None:
    claim = operator.json("operator", "add", "ana")

    assert len(claim["secret"]) == 43
    stored = operator.sql("SELECT * FROM operators, operator_actions, operator_action_outcomes")
    assert "ana" in repr(stored)
    assert claim["secret"] not in repr(stored)


def test_once_operators_are_registered_a_change_requires_a_secret(operator: Operator) -> None:
    ana = operator.json("operator", "add", "ana")

    assert operator.error("asset", "disable", "xmr") == (
        "Operators are registered: run `swapgate operator login NAME`, or set SWAPGATE_OPERATOR "
        "and SWAPGATE_OPERATOR_SECRET"
    )
    assert operator.sql("SELECT enabled FROM assets WHERE code = 'xmr'") == [(True,)]
    assert as_operator(operator, ana, "asset", "disable", "xmr").exit_code == 0
    assert newest_action(operator) == ("ana", True, "asset disable", "xmr")
    assert operator.json("asset", "list"), "reading requires none"


@pytest.mark.parametrize("name", ["ana", "unknown", ""])
def test_a_wrong_secret_is_rejected(operator: Operator, name: str) -> None:
    operator.json("operator", "add", "ana")

    done = as_operator(operator, {"name": name, "secret": "wrong"}, "asset", "disable", "xmr")
    assert done.exit_code == 1
    assert operator.sql("SELECT enabled FROM assets WHERE code = 'xmr'") == [(True,)]


def test_a_disabled_operator_is_rejected_until_it_is_added_again(operator: Operator) -> None:
    ana = operator.json("operator", "add", "ana")
    ben = json.loads(as_operator(operator, ana, "operator", "add", "ben").stdout)
    assert as_operator(operator, ana, "operator", "disable", "ben").exit_code == 0

    assert as_operator(operator, ben, "asset", "disable", "xmr").exit_code == 1
    again = json.loads(as_operator(operator, ana, "operator", "add", "ben").stdout)
    assert again["secret"] != ben["secret"]
    assert as_operator(operator, ben, "asset", "disable", "xmr").exit_code == 1
    assert as_operator(operator, again, "asset", "disable", "xmr").exit_code == 0


def test_the_last_enabled_operator_cannot_be_disabled(operator: Operator) -> None:
    ana = operator.json("operator", "add", "ana")

    done = as_operator(operator, ana, "operator", "disable", "ana")
    message = json.loads(done.stderr)["error"]["message"]
    assert message == "Ana is disabled already, or is the last enabled operator"


@pytest.mark.parametrize("name", ["Ana", "a b", "", "a" * 33, "-a", "anä"])
def test_an_operators_name_is_short_and_plain(operator: Operator, name: str) -> None:
    assert "is not an operator's name" in operator.error("operator", "add", "--", name)


def test_login_stores_a_private_file_that_identifies_the_operator(operator: Operator) -> None:
    ana = operator.json("operator", "add", "ana")

    done = log_in(operator, ana)
    assert done.exit_code == 0, done.stderr
    path = Path(json.loads(done.stdout)["file"])
    assert path.stat().st_mode & 0o777 == 0o600
    operator.json("asset", "disable", "xmr")
    assert newest_action(operator) == ("ana", True, "asset disable", "xmr")


def test_login_with_a_wrong_secret_stores_nothing(operator: Operator) -> None:
    operator.json("operator", "add", "ana")

    assert log_in(operator, {"name": "ana", "secret": "wrong"}).exit_code == 1
    assert not (operator.data_dir / "operator.json").exists()


def test_a_file_that_others_can_read_is_not_used(operator: Operator) -> None:
    log_in(operator, operator.json("operator", "add", "ana"))
    (operator.data_dir / "operator.json").chmod(0o640)

    assert "can be read by others" in operator.error("asset", "disable", "xmr")
