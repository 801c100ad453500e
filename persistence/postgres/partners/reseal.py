"""Sealing stored secrets again with the current key of the ring, row by row."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from domain.actions.operator.keyring import Batch
from persistence.keyring import KeyRing, key_name
from persistence.postgres.cabinet.second_factors import factor_record
from persistence.postgres.partners.api_keys import api_secret_record
from persistence.postgres.partners.partners import webhook_secret_record
from persistence.postgres.pool import Database, Row

BATCH: Final = 200
"""Rows that one statement locks, for some milliseconds."""


class SealedTable(msgspec.Struct, frozen=True):
    """A table with sealed secrets: its key, each column with the record it is sealed for.

    `also` is assigned in the same statement.
    """

    name: str
    key: str
    columns: Mapping[str, Callable[[UUID], str]]
    also: str = ""


# The previous webhook secret is copied by a trigger unless its time changes in the same statement
# (0015-webhook-partners.sql); it changes by a microsecond here.
TABLES: Final = (
    SealedTable(
        "partners",
        "id",
        {
            "webhook_secret_sealed": webhook_secret_record,
            "previous_webhook_secret_sealed": webhook_secret_record,
        },
        also=(
            "previous_webhook_secret_until = CASE t.previous_webhook_secret_until"
            " WHEN '-infinity' THEN NULL"
            " ELSE coalesce(t.previous_webhook_secret_until + interval '1 microsecond',"
            " '-infinity') END"
        ),
    ),
    SealedTable(
        "api_keys",
        "id",
        {"api_secret_sealed": api_secret_record, "previous_secret_sealed": api_secret_record},
    ),
    SealedTable("second_factors", "member_id", {"secret_sealed": factor_record}),
)

COUNT: Final = "\nUNION ALL\n".join(
    f"SELECT sealed_with({column}) AS name FROM {table.name} WHERE length({column}) > 0"  # noqa: S608  names of our own tables
    for table in TABLES
    for column in table.columns
)
COUNTS: Final = f"SELECT name, count(*) AS secrets FROM ({COUNT}) AS sealed GROUP BY name"  # noqa: S608  as above

RETIRE: Final = """
INSERT INTO retired_keys (name) VALUES ($1) ON CONFLICT (name) DO NOTHING
RETURNING (pg_current_xact_id()::text::bigint + 1)::text AS transaction
"""
NEXT_TRANSACTION: Final = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS transaction"
OLDEST: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 AS past"


class PostgresSealedSecrets:
    """SealedSecrets over PostgreSQL, with the operator's role."""

    def __init__(self, database: Database, ring: KeyRing, *, batch: int = BATCH) -> None:
        """Lock `batch` rows in one statement."""
        self._database = database
        self._ring = ring
        self._batch = batch

    async def count(self) -> Mapping[str, int]:
        """See SealedSecrets."""
        return {row["name"]: row["secrets"] for row in await self._database.fetch(COUNTS)}

    async def reseal(self, after: str | None) -> Batch:
        """See SealedSecrets; `after` is the position of a table and the key of a row in it."""
        position, _, key = (after or "0:").partition(":")
        table, current = TABLES[int(position)], self._ring.current
        rows = await self._database.fetch(
            _select(table), [UUID(key) if key else None, current, self._batch]
        )
        changes = [self._change(table, row, current) for row in rows]
        possible = {one.key: one.secrets for one in changes if one.secrets}
        stored = await self._database.fetch(_update(table), [_json(changes)]) if possible else []
        resealed = sum(possible[row["key"]] for row in stored)
        return Batch(
            resealed=resealed,
            changed_meanwhile=sum(possible.values()) - resealed,
            unreadable=sum(one.unreadable for one in changes),
            next=_next(int(position), rows, full=len(rows) == self._batch),
        )

    async def retire(self, name: str) -> int:
        """See SealedSecrets."""
        rows = await self._database.fetch(RETIRE, [name])
        # Without a row it was retired before, and what began before that began before now.
        (row,) = rows or await self._database.fetch(NEXT_TRANSACTION)
        return int(row["transaction"])

    async def is_past(self, transaction: int) -> bool:
        """See SealedSecrets."""
        (row,) = await self._database.fetch(OLDEST, [str(transaction)])
        return bool(row["past"])

    def _change(self, table: SealedTable, row: Row, current: str) -> "_Change":
        change = _Change(row["key"], {}, 0, 0)
        for column, record_of in table.columns.items():
            before = None if row[column] is None else bytes(row[column])
            change.values[column] = (before, before)
            if not before or key_name(before) == current:
                continue
            record = record_of(UUID(row["key"]))
            secret = self._ring.try_open(before, record=record)
            if secret is None:
                change.unreadable += 1
                continue
            change.values[column] = (before, self._ring.seal(secret, record=record))
            change.secrets += 1
        return change


class _Change(msgspec.Struct):
    """A row's sealed values before and afterwards, and how many of them change or cannot."""

    key: str
    values: dict[str, tuple[bytes | None, bytes | None]]
    secrets: int
    unreadable: int


def _select(table: SealedTable) -> str:
    columns = ", ".join(f"t.{column}" for column in table.columns)
    other_key = " OR ".join(f"sealed_with(t.{column}) <> $2" for column in table.columns)
    return (
        f"SELECT t.{table.key}::text AS key, {columns} FROM {table.name} t"  # noqa: S608  names of our own tables
        f" WHERE ($1::uuid IS NULL OR t.{table.key} > $1) AND ({other_key})"
        f" ORDER BY t.{table.key} LIMIT $3"
    )


def _update(table: SealedTable) -> str:
    """Return the statement that stores new values in those rows that still have the old ones."""
    new = ", ".join(f"{column} = decode(n.{column}_new, 'base64')" for column in table.columns)
    also = f", {table.also}" if table.also else ""
    types = ", ".join(f"{column}_old text, {column}_new text" for column in table.columns)
    unchanged = " AND ".join(
        f"t.{column} IS NOT DISTINCT FROM decode(n.{column}_old, 'base64')"
        for column in table.columns
    )
    return (
        f"UPDATE {table.name} t SET {new}{also}"  # noqa: S608  names of our own tables
        f" FROM json_to_recordset($1::text::json) AS n (key uuid, {types})"
        f" WHERE t.{table.key} = n.key AND {unchanged} RETURNING t.{table.key}::text AS key"
    )


def _json(changes: Sequence[_Change]) -> str:
    rows = [
        {"key": one.key}
        | {f"{column}_old": _base64(old) for column, (old, _) in one.values.items()}
        | {f"{column}_new": _base64(new) for column, (_, new) in one.values.items()}
        for one in changes
        if one.secrets
    ]
    return msgspec.json.encode(rows).decode()


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _next(position: int, rows: Sequence[Row], *, full: bool) -> str | None:
    if full:
        return f"{position}:{rows[-1]['key']}"
    return f"{position + 1}:" if position + 1 < len(TABLES) else None
