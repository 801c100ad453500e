"""Leases of networks, by the database's clock alone."""

from datetime import timedelta
from typing import Final

from domain.chains.leases import CurrentLease, Lease
from persistence.postgres.pool import Database

LEASE_TIME: Final = timedelta(seconds=10)

# A token is the time in milliseconds: a server that lost the newest lease in a failover does not
# give its token to another holder.
TAKE = """
INSERT INTO settlement_leases AS l (network, holder, token, expires_at)
VALUES ($1, $2, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
  clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (network) DO UPDATE
SET holder = EXCLUDED.holder, token = greatest(l.token + 1, EXCLUDED.token),
  taken_at = clock_timestamp(),
  expires_at = clock_timestamp() + make_interval(secs => $3)
WHERE l.expires_at <= clock_timestamp()
RETURNING token
"""

RENEW = """
UPDATE settlement_leases SET expires_at = clock_timestamp() + make_interval(secs => $3)
WHERE network = $1 AND token = $2 AND expires_at > clock_timestamp()
RETURNING token
"""

RELEASE = """
UPDATE settlement_leases SET expires_at = clock_timestamp()
WHERE network = $1 AND token = $2 AND expires_at > clock_timestamp()
"""

IS_VALID = """
SELECT EXISTS (SELECT FROM settlement_leases
  WHERE network = $1 AND token = $2 AND expires_at > clock_timestamp()) AS valid
"""


class PostgresLeaseRepository:
    """LeaseRepository over PostgreSQL, under settlement's role."""

    def __init__(self, database: Database, *, lease_time: timedelta = LEASE_TIME) -> None:
        self._database = database
        self._seconds = lease_time.total_seconds()

    async def take(self, network: str, *, holder: str) -> Lease | None:
        """See LeaseRepository."""
        row = await self._database.fetch_one(TAKE, [network, holder, self._seconds])
        return None if row is None else Lease(network, holder, row["token"])

    async def renew(self, lease: Lease) -> bool:
        """See LeaseRepository."""
        parameters = [lease.network, lease.token, self._seconds]
        return await self._database.fetch_one(RENEW, parameters) is not None

    async def release(self, lease: Lease) -> None:
        """See LeaseRepository."""
        await self._database.fetch(RELEASE, [lease.network, lease.token])

    async def is_valid(self, lease: Lease) -> bool:
        """See LeaseRepository."""
        (row,) = await self._database.fetch(IS_VALID, [lease.network, lease.token])
        return bool(row["valid"])


def leader(*, network: int, token: int) -> str:
    """Return a CTE with one row while a lease is valid, given the numbers of its parameters.

    Its lock makes a takeover wait for the statement: what the statement writes is written before
    the next holder has its token.
    """
    return f"""leader AS MATERIALIZED (
  SELECT l.network FROM settlement_leases l
  WHERE l.network = ${network} AND l.token = ${token} AND l.expires_at > clock_timestamp()
  FOR SHARE)"""  # noqa: S608  numbers of parameters


def fence(lease: CurrentLease) -> tuple[str | None, int | None]:
    """Return the parameters of `leader`: network and token; without a lease nothing matches."""
    current = lease()
    return (None, None) if current is None else (current.network, current.token)
