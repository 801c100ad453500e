"""The history of the database, under settlement's role; the rules are functions of the database."""

import msgspec

from domain.history import Confirmation, Marker
from persistence.postgres.pool import Database

CONFIRM = "SELECT confirm_database($1::text::jsonb, $2)::text AS confirmation"

STATE = """
SELECT h.problem, database_is_confirmed() AS confirmed FROM database_history h
"""

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Confirmation)


class PostgresDatabaseHistory:
    """DatabaseHistory over PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def confirm(self, marker: Marker | None, *, marker_is_known: bool) -> Confirmation:
        """See DatabaseHistory."""
        encoded = None if marker is None else _encode(marker).decode()
        (row,) = await self._database.fetch(CONFIRM, [encoded, marker_is_known])
        return _decoder.decode(row["confirmation"])


async def history_problem(database: Database) -> str | None:
    """Return why the database is on hold, empty if settlement has to confirm it; else None."""
    row = await database.fetch_one(STATE)
    if row is None or row["confirmed"]:
        return None
    return row["problem"] or ""
