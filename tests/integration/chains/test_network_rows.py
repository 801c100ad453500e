"""The database lists the declared networks with the declared facts."""

import psycopg

from domain.chains.networks import NETWORKS
from tests.conftest import DatabaseUrls


def test_migrations_repeat_each_networks_declared_facts(database_urls: DatabaseUrls) -> None:
    with psycopg.connect(database_urls.admin) as connection:
        rows = connection.execute(
            "SELECT name, tag_name, confirmations, (dust_limit * 10^8)::bigint FROM networks"
        ).fetchall()
    assert {name: facts for name, *facts in rows} == {
        network.name: [
            network.tag.name if network.tag else None,
            network.confirmations,
            network.dust_limit,
        ]
        for network in NETWORKS.values()
    }


def test_coins_of_networks_with_a_dust_limit_have_the_decimals_it_is_declared_in(
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.admin) as connection:
        rows = connection.execute(
            "SELECT a.precision FROM assets a JOIN networks n ON n.name = a.network"
            " WHERE n.dust_limit > 0"
        ).fetchall()
    assert set(rows) == {(8,)}
