"""Leases that tests hold of networks, in place of a settlement process."""

import psycopg

from domain.chains.leases import CurrentLease, Lease

TAKE = """
INSERT INTO settlement_leases AS l (network, holder, token, expires_at)
VALUES (%s, 'tests', 1, clock_timestamp() + interval '1 hour')
ON CONFLICT (network) DO UPDATE SET token = l.token RETURNING token
"""


def leading(url: str, network: str) -> CurrentLease:
    """Take a network's lease with the role of `url`, unless the test holds it already."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(TAKE, (network,)).fetchone()
    assert row is not None
    lease = Lease(network, "tests", row[0])
    return lambda: lease
