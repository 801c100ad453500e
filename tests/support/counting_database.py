"""A database that counts its statements."""

from collections.abc import Sequence
from typing import Any

from persistence.postgres.pool import Database, Row


class CountingDatabase(Database):
    """Counts the statements that it runs."""

    statements = 0

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        self.statements += 1
        return await super().fetch(sql, parameters)
