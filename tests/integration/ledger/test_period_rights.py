"""Ended periods are final, and only the operator ends one."""

import psycopg
import pytest

from tests.conftest import DatabaseUrls


@pytest.mark.parametrize("table", ["earnings_periods", "earnings_period_codes"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET total_markup_usd = 0", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_no_role_changes_or_deletes_ended_periods(
    database_urls: DatabaseUrls, table: str, change: str
) -> None:
    statement = change.format(table)
    if statement == "TRUNCATE earnings_periods":
        statement += " CASCADE"
    for role in ("gateway", "settlement", "admin"):
        with (
            psycopg.connect(getattr(database_urls, role)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.encode())
    with (
        psycopg.connect(database_urls.owner) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="final"),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize("role", ["gateway", "settlement"])
def test_only_the_operator_can_end_a_period(database_urls: DatabaseUrls, role: str) -> None:
    with (
        psycopg.connect(getattr(database_urls, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(
            "SELECT end_earnings_period(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
            " NULL, NULL, NULL, NULL, NULL, NULL)"
        )
