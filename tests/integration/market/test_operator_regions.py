"""Regions are blocked and allowed by command, as workers read them and the audit trail records."""

from pathlib import Path

import psycopg
import pytest

from persistence.postgres.market.catalogue import read_catalogue
from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import Operator, new_operator, with_database


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def blocked(operator: Operator) -> list[str]:
    return sorted(with_database(operator.urls.gateway, read_catalogue).restricted_regions)


def test_regions_are_blocked_and_allowed_again(operator: Operator) -> None:
    assert operator.json("region", "list") == []
    operator.json("region", "block", "kp", "IR", "IR")
    assert operator.json("region", "block", "KP", "SY") == [
        {"region": "IR"},
        {"region": "KP"},
        {"region": "SY"},
    ]
    assert blocked(operator) == ["IR", "KP", "SY"]
    assert operator.json("region", "allow", "IR", "DE") == [{"region": "KP"}, {"region": "SY"}]
    assert blocked(operator) == ["KP", "SY"]


@pytest.mark.parametrize("codes", [("UK",), ("XX",), ("KP", "Germany"), ("K",), ("276",), ("",)])
def test_a_code_that_is_not_assigned_blocks_nothing(
    operator: Operator, codes: tuple[str, ...]
) -> None:
    assert "ISO 3166-1" in operator.error("region", "block", *codes)
    assert blocked(operator) == []


def test_a_change_of_regions_is_announced_by_the_revision_and_audited(operator: Operator) -> None:
    def revision() -> int:
        with psycopg.connect(operator.urls.owner) as connection:
            row = connection.execute(
                "SELECT revision FROM revisions WHERE topic = 'catalogue'"
            ).fetchone()
        assert row is not None
        return int(row[0])

    before = revision()
    operator.json("region", "block", "KP", "--reason", "sanctions")
    assert revision() > before
    newest = operator.json("audit", "list")[0]
    assert (newest["subject"], newest["reason"]) == ("KP", "sanctions")
    assert (newest["before"], newest["after"]) == ([], ["KP"])
