"""Finds a partner's orders by their index, however many there are, looking through a bounded part.

Each filter has streams: stretches of an index that are in the order of ids. A round takes so many
entries of each, and knows all that fits between where it began and where the first stream broke
off. Of several filters the sparsest one's streams are read, and what they yield is tried by all.
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
"""Of sessions that search: all answers come by an index, and one plan isn't everybody's best."""
ROUNDS: Final = (500, 1_200, 1_000)
"""Entries taken by one round after another, until there are orders enough."""
AWAITING: Final = 4_000
"""Of the newest orders so many are looked at for those that wait for their deposit."""

_ENTRY = "id, state, code_id, source, destination, created_at, deleted_at"
_SETTLED = "state <> 'awaiting_deposit' AND deleted_at IS NULL"
_NO_PAIRS = "SELECT 0 AS stream, '' AS source, '' AS destination"

# Rows are compared as wholes and sorted by all columns of an index: with `partner_id = $1 ... ORDER
# BY id` the planner would rather read the primary key from its end, past everybody else's orders.
_STRETCH = """
  ({columns}, id) >= ({values}, $2::uuid) AND ({columns}, id) <= ({values}, $3::uuid)
"""
_PAIR = _STRETCH.format(
    columns="o.partner_id, o.source, o.destination", values="$1::uuid, p.source, p.destination"
).replace(", id)", ", o.id)")

# An asset's pairs that there are orders of: each is tried by one step into the index.
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
    """What tells streams apart, the index they are in, and which part of it each is."""

    each: str
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

# Orders that wait are found among the newest: none is older than what expires next.
_WAITING = f"""
  UNION ALL
  SELECT -1, $11::bigint, newest.* FROM (
    SELECT {_ENTRY} FROM orders
    WHERE (partner_id, id) <= ($1::uuid, $3::uuid) AND (partner_id, id) >= ($1::uuid, greatest(
      $2::uuid, (SELECT coalesce(first_id_at(min(expires_at) - interval '31 minutes'), $3::uuid)
        FROM orders WHERE state = 'awaiting_deposit')))
    ORDER BY partner_id {{order}}, id {{order}} LIMIT $11::bigint) AS newest
"""  # noqa: S608

_SEARCH = f"""
WITH pairs AS MATERIALIZED ({{pairs}}), most AS MATERIALIZED (
  SELECT greatest($5::bigint, $4::bigint / greatest(count(*), 1)) AS number FROM pairs
), taken AS MATERIALIZED (
  SELECT s.stream, most.number AS most, entry.* FROM most, ({{each}}) AS s CROSS JOIN LATERAL (
    SELECT {_ENTRY} FROM orders WHERE {{stretch}} AND {{where}}
    ORDER BY {{sorting}} LIMIT (SELECT number FROM most)) AS entry
  {{waiting}}
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
    AND ($9::timestamptz IS NULL OR created_at >= $9)
    AND ($10::timestamptz IS NULL OR created_at < $10)
  ORDER BY id {{order}} LIMIT $5::bigint) AS ids
"""  # noqa: S608


class Found(msgspec.Struct, frozen=True):
    """Ids in the order that was asked for; where looking ended before there were enough, if so."""

    ids: Sequence[UUID]
    horizon: UUID | None


class _Search(msgspec.Struct, frozen=True):
    """What stays the same from round to round."""

    database: Database
    partner_id: UUID
    wanted: OrderFilter
    newest_first: bool

    def drivers(self) -> list[str]:
        """Return the statements that may be asked, by the streams they read."""
        wanted = self.wanted
        waits = State.AWAITING_DEPOSIT.value in wanted.states
        found = []
        if wanted.code_id is not None:
            found.append(self._statement(_OF_CODE, waits=waits))
        if wanted.asset is not None:
            found.append(self._statement(_OF_ASSET, waits=waits))
        if wanted.status is not None:
            found.append(self._statement(_OF_STATES, waits=waits))
        return found or [self._statement(_OF_ALL, waits=False)]

    def _statement(self, streams: _Streams, *, waits: bool) -> str:
        order, within = ("DESC", ">=") if self.newest_first else ("ASC", "<=")
        sorted_by = [*streams.columns.split(", "), "id"]
        return _SEARCH.format(
            pairs=streams.pairs,
            each=streams.each,
            stretch=_STRETCH.format(columns=streams.columns, values=streams.values),
            where=streams.where,
            sorting=", ".join(f"{column} {order}" for column in sorted_by),
            waiting=_WAITING.format(order=order) if waits else "",
            order=order,
            within=within,
        )

    async def round(self, statement: str, first: int, last: int, take: int, limit: int) -> Found:
        """Take so many entries of each stream between two ids."""
        wanted = self.wanted
        parameters = [
            self.partner_id,
            UUID(int=first),
            UUID(int=last),
            max(take, limit),
            limit,
            wanted.states,
            wanted.code_id,
            wanted.asset,
            wanted.since,
            wanted.until,
        ]
        if "$11" in statement:
            parameters.append(AWAITING)
        row = await self.database.fetch_one(statement, parameters)
        if row is None:
            raise AssertionError("a search always has its one row")
        horizon = UUID(row["horizon"]) if row["horizon"] else None
        return Found([UUID(one) for one in row["ids"]], horizon)


async def search_orders(
    database: Database,
    partner_id: UUID,
    wanted: OrderFilter,
    *,
    first: int = 0,
    last: int = LAST_ID.int,
    newest_first: bool = True,
    limit: int,
) -> Found:
    """Return at most `limit` ids of orders that fit, between `first` and `last`, both included."""
    least, most = wanted.range_of_ids()
    first, last = max(first, least), min(last, most)
    search = _Search(database, partner_id, wanted, newest_first)
    statements, ids = search.drivers(), list[UUID]()
    horizon: UUID | None = None
    for take in (limit, *ROUNDS[1:]) if len(statements) == 1 else ROUNDS:
        if first > last:
            return Found(ids, None)
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
    return Found(ids, None if len(ids) >= limit else horizon)


def _furthest(rounds: Sequence[Found], *, newest_first: bool) -> int:
    """Return the number of the round that has looked furthest: the sparsest streams'."""
    for number, one in enumerate(rounds):
        if one.horizon is None:
            return number
    reached = [one.horizon.int for one in rounds if one.horizon is not None]
    return reached.index(min(reached) if newest_first else max(reached))
