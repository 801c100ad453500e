"""What the statements that write an intention to pay share: the nonce, and what may reject them."""

from collections.abc import Sequence
from typing import Any

from psqlpy.exceptions import Error

from domain.chains.outflows import OutflowCapExceeded, OutflowDisabled
from persistence.postgres.pool import Database


def free_nonce(first: int) -> str:
    """Return a subquery: the first nonce that no outflow on the network of `a` (assets) has or had.

    It begins at parameter `first`, and returns NULL if that is NULL. Voided outflows have used
    theirs. The nonce of a cancelled one is assigned again: transactions after it would be stuck.
    """
    taken = """
      SELECT w.network, w.nonce FROM outflows w
      UNION ALL SELECT v.network, v.nonce FROM voided_outflows v
    """
    return f"""(
  SELECT min(free.nonce) FROM (
    SELECT ${first}::bigint AS nonce
    UNION ALL
    SELECT t.nonce + 1 FROM ({taken}) AS t
    WHERE t.network = a.network AND t.nonce >= ${first}::bigint
  ) AS free
  WHERE NOT EXISTS (
    SELECT FROM ({taken}) AS t WHERE t.network = a.network AND t.nonce = free.nonce)
)"""  # noqa: S608  a number of a parameter


async def write_intention(database: Database, statement: str, parameters: Sequence[Any]) -> bool:
    """Write an intention; False if its conditions do not hold, or if there is one already.

    Raises OutflowDisabled and OutflowCapExceeded.
    """
    try:
        return await database.fetch_one(statement, parameters) is not None
    except Error as error:
        text = str(error)
        if "outflow is off" in text:
            raise OutflowDisabled("outflow is off") from error
        if "daily outflow exceeded" in text:
            raise OutflowCapExceeded("the daily cap of outflow would be exceeded") from error
        if "duplicate key" in text or "not approved like this" in text:
            return False  # another process wrote it, or the operator has just closed its refund
        raise
