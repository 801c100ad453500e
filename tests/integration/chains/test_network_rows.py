"""The database lists the declared networks with the declared facts."""

from fractions import Fraction

import psycopg

from domain.chains.networks import NETWORKS
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls

COINS = {"btc", "ltc", "doge", "dash", "bch", "zec", "ada", "xrp", "xlm", "sol", "eth_base", "trx"}


def test_migrations_repeat_each_networks_declared_facts(database_urls: DatabaseUrls) -> None:
    with psycopg.connect(database_urls.admin) as connection:
        rows = connection.execute(
            "SELECT name, chain, chain_id, coin, tag_name, confirmations, dust_limit * 10^8 "
            "FROM networks"
        ).fetchall()
    assert {name: facts for name, *facts in rows} == {
        network.name: [
            network.chain,
            network.chain_id,
            network.coin,
            network.tag.name if network.tag else None,
            network.confirmations,
            network.dust_limit,
        ]
        for network in NETWORKS.values()
    }


async def test_every_listed_asset_has_the_dust_limit_of_its_networks_coin_and_tokens_have_none(
    database_urls: DatabaseUrls,
) -> None:
    database = Database(database_urls.gateway)
    try:
        assets = (await read_catalogue(database)).assets.values()
    finally:
        database.close()
    assert {one.code for one in assets if one.coin == NETWORKS[one.network].coin} >= COINS
    for asset in assets:
        network = NETWORKS[asset.network]
        rule = network.dust_limit if asset.coin == network.coin else 0
        assert Fraction(asset.dust_limit, 10**asset.precision) == Fraction(rule, 10**8), asset.code
        assert asset.least_payment == max(asset.dust_limit, 1)
