"""Finds a partner's orders by index scans of bounded size, whatever the number of orders.

Each filter has streams: ranges of an index in the order of ids. A round reads a number of entries
of each stream, and so finds all matches up to where the first stream was cut off. Of several
filters the streams of the most selective one are read, and all filters apply to their entries.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from domain.ids import LAST_ID
from domain.orders.query import OrderFilter
from domain.orders.states import State
from persistence.postgres.pool import Database

SESSION: Final = {
    "jit": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_custom_plan",
}
"""Settings of searching sessions: always use an index, and plan for each partner."""
ROUNDS: Final = (500, 1_200, 1_000)
"""Entries read per stream in successive rounds, until there are enough orders."""
AWAITING: Final = 4_000
"""The number of newest orders scanned for those that await a deposit."""

_ENTRY = "id, state, code_id, external_id, source, destination, deleted_at"
_SETTLED = "state <> 'awaiting_deposit' AND deleted_at IS NULL"
# Ranges of ids begin and end some seconds outside the dates. The entries there are skipped where
# they are read, so that a round has as many that count as it takes.
_DATES = """
  ($9::timestamptz IS NULL OR created_at >= $9) AND ($10::timestamptz IS NULL OR created_at < $10)
"""
_NO_PAIRS = "SELECT 0 AS stream, '' AS source, '' AS destination"

# Whole rows are compared and sorted by all columns of an index: with `partner_id = $1 ... ORDER BY
# id` the planner would scan the primary key from its end, past the orders of all other partners.
_RANGE = """
  ({columns}, id) >= ({values}, $2::uuid) AND ({columns}, id) <= ({values}, $3::uuid)
"""
_PAIR = _RANGE.format(
    columns="o.partner_id, o.source, o.destination", values="$1::uuid, p.source, p.destination"
).replace(", id)", ", o.id)")

# The pairs of an asset that have orders: each is probed with one index lookup.
_PAIRS = f"""
  SELECT p.stream, p.source, p.destination FROM (
    SELECT row_number() OVER () AS stream, both_ways.* FROM (
      SELECT $8::text AS source, code AS destination FROM assets
      UNION ALL SELECT code, $8::text FROM assets) AS both_ways) AS p
  CROSS JOIN LATERAL (
    SELECT FROM orders o WHERE {_PAIR} AND {_SETTLED}
    ORDER BY o.partner_id, o.source, o.destination, o.id LIMIT 1) AS there
"""  # noqa: S608  constants of ours, here and below


class _Streams(msgspec.Struct, frozen=True):
    """The streams of a filter: their keys, their index, and the range of each in it."""

    keys: str
    columns: str
    values: str
    where: str = _SETTLED
    pairs: str = _NO_PAIRS


_OF_ALL = _Streams("SELECT 1 AS stream", "partner_id", "$1::uuid", where="true")
_OF_CODE = _Streams(
    "SELECT 1 AS stream",
    "code_id",
    "$7::uuid",
    f"{_SETTLED} AND code_id IS NOT NULL AND partner_id = $1::uuid",
)
_OF_EXTERNAL_ID = _Streams(
    "SELECT 1 AS stream",
    "partner_id, external_id",
    "$1::uuid, $11::text",
    where="external_id IS NOT NULL",
)
_OF_STATES = _Streams(
    "SELECT stream, name FROM unnest($6::text[]) WITH ORDINALITY AS n (name, stream)",
    "partner_id, state",
    "$1::uuid, s.name",
)
_OF_ASSET = _Streams(
    "SELECT * FROM pairs",
    "partner_id, source, destination",
    "$1::uuid, s.source, s.destination",
    pairs=_PAIRS,
)

# Orders that await a deposit are among the newest: none is older than the next one to expire.
_AWAITING_DEPOSIT = f"""
  UNION ALL
  SELECT -1, $12::bigint, newest.* FROM (
    SELECT {_ENTRY} FROM orders
    WHERE (partner_id, id) <= ($1::uuid, $3::uuid) AND (partner_id, id) >= ($1::uuid, greatest(
      $2::uuid, (SELECT coalesce(first_id_at(min(expires_at) - interval '31 minutes'), $3::uuid)
        FROM orders WHERE state = 'awaiting_deposit'))) AND {_DATES}
    ORDER BY partner_id {{order}}, id {{order}} LIMIT $12::bigint) AS newest
"""  # noqa: S608

_SEARCH = f"""
WITH pairs AS MATERIALIZED ({{pairs}}), most AS MATERIALIZED (
  SELECT greatest($5::bigint, $4::bigint / greatest(count(*), 1)) AS number FROM pairs
), taken AS MATERIALIZED (
  SELECT s.stream, most.number AS most, entry.* FROM most, ({{keys}}) AS s CROSS JOIN LATERAL (
    SELECT {_ENTRY} FROM orders WHERE {{range}} AND {{where}} AND {_DATES}
    ORDER BY {{sorting}} LIMIT (SELECT number FROM most)) AS entry
  {{awaiting}}
), ends AS (
  SELECT (array_agg(id ORDER BY id {{order}}))[count(*)] AS last FROM taken
  GROUP BY stream HAVING count(*) >= max(most)
), horizon AS (SELECT last FROM ends ORDER BY last {{order}} LIMIT 1)
SELECT (SELECT last FROM horizon)::text AS horizon, ARRAY(
  SELECT id::text FROM taken
  WHERE (NOT EXISTS (SELECT FROM horizon) OR id {{within}} (SELECT last FROM horizon))
    AND deleted_at IS NULL AND state = ANY ($6::text[])
    AND (stream >= 0 OR state = 'awaiting_deposit')
    AND ($7::uuid IS NULL OR code_id = $7) AND ($8::text IS NULL OR $8 IN (source, destination))
    AND ($11::text IS NULL OR external_id = $11)
  ORDER BY id {{order}} LIMIT $5::bigint) AS ids
"""  # noqa: S608


class SearchResult(msgspec.Struct, frozen=True):
    """Ids in the requested order, and where the search stopped if it did before `limit`.

    The ids are the text that statements take them as.
    """

    ids: Sequence[str]
    horizon: UUID | None


class _Search(msgspec.Struct, frozen=True):
    """The parameters of a search that are the same in all rounds."""

    database: Database
    partner_id: UUID
    filters: OrderFilter
    newest_first: bool

    def statements(self) -> list[str]:
        """Return the possible statements, one per filter."""
        filters = self.filters
        with_awaiting = State.AWAITING_DEPOSIT.value in filters.states
        if filters.external_id is not None:
            return [self._statement(_OF_EXTERNAL_ID, with_awaiting=False)]
        statements = []
        if filters.code_id is not None:
            statements.append(self._statement(_OF_CODE, with_awaiting=with_awaiting))
        if filters.asset is not None:
            statements.append(self._statement(_OF_ASSET, with_awaiting=with_awaiting))
        if filters.status is not None or filters.outcome is not None:
            statements.append(self._statement(_OF_STATES, with_awaiting=with_awaiting))
        return statements or [self._statement(_OF_ALL, with_awaiting=False)]

    def _statement(self, streams: _Streams, *, with_awaiting: bool) -> str:
        order, within = ("DESC", ">=") if self.newest_first else ("ASC", "<=")
        sorted_by = [*streams.columns.split(", "), "id"]
        return _SEARCH.format(
            pairs=streams.pairs,
            keys=streams.keys,
            range=_RANGE.format(columns=streams.columns, values=streams.values),
            where=streams.where,
            sorting=", ".join(f"{column} {order}" for column in sorted_by),
            awaiting=_AWAITING_DEPOSIT.format(order=order) if with_awaiting else "",
            order=order,
            within=within,
        )

    async def round(
        self, statement: str, first: int, last: int, take: int, limit: int
    ) -> SearchResult:
        """Read `take` entries of each stream between two ids."""
        filters = self.filters
        parameters = [
            self.partner_id,
            UUID(int=first),
            UUID(int=last),
            max(take, limit),
            limit,
            filters.states,
            filters.code_id,
            filters.asset,
            filters.since,
            filters.until,
            filters.external_id,
        ]
        if "$12" in statement:
            parameters.append(AWAITING)
        row = await self.database.fetch_one(statement, parameters)
        if row is None:
            raise AssertionError("a search always returns one row")
        horizon = UUID(row["horizon"]) if row["horizon"] else None
        return SearchResult(row["ids"], horizon)


async def search_orders(
    database: Database,
    partner_id: UUID,
    filters: OrderFilter,
    *,
    first: int = 0,
    last: int = LAST_ID.int,
    newest_first: bool = True,
    limit: int,
) -> SearchResult:
    """Return at most `limit` ids of matching orders, between `first` and `last` inclusive."""
    lowest, highest = filters.range_of_ids()
    first, last = max(first, lowest), min(last, highest)
    search = _Search(database, partner_id, filters, newest_first)
    statements, ids = search.statements(), list[str]()
    horizon: UUID | None = None
    for take in (limit, *ROUNDS[1:]) if len(statements) == 1 else ROUNDS:
        if first > last:
            return SearchResult(ids, None)
        needed = limit - len(ids)
        rounds = []
        for statement in statements:
            rounds.append(await search.round(statement, first, last, take, needed))
            if rounds[-1].horizon is None:
                break
        best = _furthest(rounds, newest_first=newest_first)
        statements = [statements[best]]
        ids += rounds[best].ids
        horizon = rounds[best].horizon
        if horizon is None or len(ids) >= limit:
            break
        first, last = (first, horizon.int - 1) if newest_first else (horizon.int + 1, last)
    return SearchResult(ids, None if len(ids) >= limit else horizon)


def _furthest(rounds: Sequence[SearchResult], *, newest_first: bool) -> int:
    """Return the index of the round that reached furthest: that of the most selective filter."""
    for number, one in enumerate(rounds):
        if one.horizon is None:
            return number
    reached = [one.horizon.int for one in rounds if one.horizon is not None]
    return reached.index(min(reached) if newest_first else max(reached))
