"""Settings of sessions: at their start, or in each transaction where a pooler shares them."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psycopg

from persistence.postgres.transport import transport_of

CONNECT_SECONDS: Final = 3
IDLE_SECONDS: Final = 10
"""How long a transaction on a shared session may wait for its client, which may have stopped."""
STATEMENT_TIMEOUT: Final = "SELECT setting FROM pg_settings WHERE name = 'statement_timeout'"
EXAMPLE: Final = {"statement_timeout": "54321"}
DROPS_SETTINGS: Final = (
    "the database URL leads to a pooler, such as pgbouncer, that drops the settings of sessions - "
    "set SWAPGATE_DATABASE_DIRECT_URL to the server's own address"
)
DIRECT_IS_POOLED: Final = (
    "SWAPGATE_DATABASE_DIRECT_URL leads to a pooler, such as pgbouncer - set it to the server's "
    "own address"
)
NO_TRANSACTIONS: Final = (
    "the pooler of SWAPGATE_DATABASE_URL allows no transactions - set pool_mode = transaction"
)
ANOTHER_LOGIN: Final = (
    "SWAPGATE_DATABASE_URL and SWAPGATE_DATABASE_DIRECT_URL lead to different logins, databases or "
    "servers"
)

_OPTION: Final = re.compile(r"-c\s*([a-z_.]+)=(\S*)", re.ASCII)
_IDENTITY: Final = """
SELECT session_user::text, current_user::text, current_database()::text, pg_postmaster_start_time()
"""
READ_ONLY: Final = "default_transaction_read_only"
_IN_TRANSACTION: Final = {READ_ONLY: "transaction_read_only"}
"""Settings that have another name once a transaction has begun."""


def with_settings(url: str, settings: Mapping[str, str]) -> str:
    """Return the database URL with these session settings."""
    query = _query(url)
    options = [query["options"]] if "options" in query else []
    options += [f"-c {name}={value}" for name, value in settings.items()]
    return _with_query(url, {**query, "options": " ".join(options)})


def without_settings(url: str) -> str:
    """Return the database URL without session settings."""
    query = _query(url)
    query.pop("options", None)
    return _with_query(url, query)


def begin_statement(url: str, settings: Mapping[str, str]) -> str:
    """Return what begins a transaction with these settings, and those of the URL.

    A setting with LOCAL ends with the transaction, so that no other client of a pooler gets it.
    """
    given = dict(_OPTION.findall(_query(url).get("options", "")))
    wanted = {
        **given,
        **settings,
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    }
    return "; ".join(
        ["BEGIN"]
        + [f"SET LOCAL {_IN_TRANSACTION.get(n, n)} = {_literal(v)}" for n, v in wanted.items()]
    )


def pooler_problem(url: str, direct_url: str = "") -> str | None:
    """Return why a process must not use these URLs; None if it may, or a server is unavailable.

    Raises UnusableUrl.
    """
    for one in filter(None, (url, direct_url)):
        transport_of(one)
    try:
        identity = _direct_identity(direct_url or url)
        if identity is None:
            return DIRECT_IS_POOLED if direct_url else DROPS_SETTINGS
        if direct_url and _pooled_identity(url) != identity:
            return ANOTHER_LOGIN
    except psycopg.Error as error:
        return NO_TRANSACTIONS if "statement pooling" in str(error) else None
    return None


def _direct_identity(url: str) -> tuple[Any, ...] | None:
    """Return who a session works as, and where; None if its settings had no effect."""
    try:
        with psycopg.connect(
            with_settings(url, EXAMPLE), connect_timeout=CONNECT_SECONDS, autocommit=True
        ) as connection:
            found = connection.execute(STATEMENT_TIMEOUT).fetchone()
            if found != (EXAMPLE["statement_timeout"],):
                return None
            return connection.execute(_IDENTITY).fetchone()
    except psycopg.OperationalError as error:
        if "unsupported startup parameter" in str(error):
            return None
        raise


def _pooled_identity(url: str) -> tuple[Any, ...] | None:
    with psycopg.connect(
        without_settings(url), connect_timeout=CONNECT_SECONDS, autocommit=True
    ) as connection:
        connection.execute(begin_statement(url, EXAMPLE).encode())
        found = connection.execute(_IDENTITY).fetchone()
        connection.execute("COMMIT")
        return found


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return urlsplit(url)._replace(query=urlencode(query, quote_via=quote, safe="")).geturl()
