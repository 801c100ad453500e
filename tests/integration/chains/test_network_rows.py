"""The database lists the declared networks with the declared facts."""

import psycopg

from domain.chains.networks import NETWORKS
from tests.conftest import DatabaseUrls


def test_migrations_repeat_each_networks_tag_name_and_confirmations(
    database_urls: DatabaseUrls,
) -> None:
    with psycopg.connect(database_urls.admin) as connection:
        rows = connection.execute("SELECT name, tag_name, confirmations FROM networks").fetchall()
    assert {name: (tag, confirmations) for name, tag, confirmations in rows} == {
        network.name: (network.tag.name if network.tag else None, network.confirmations)
        for network in NETWORKS.values()
    }
