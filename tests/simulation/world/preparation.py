"""The database that every run begins with: addresses, switches and connected assets."""

from typing import Final

import msgspec

from domain.assets import Catalogue
from persistence.postgres.market.catalogue import read_catalogue
from tests.conftest import DatabaseUrls
from tests.simulation.chains.chain import CONFIRMATIONS
from tests.simulation.chains.families import ACCOUNTS, OUTPUTS, settings
from tests.simulation.world.customers import PARTNER, address_on
from tests.simulation.world.storage import Storage

ADDRESSES: Final = 80
WATCH_PERIOD: Final = "30 seconds"
"""Instead of 90 days, so that customers pay late to addresses that other orders have got."""


class PreparedDatabase(msgspec.Struct, frozen=True):
    """A database to which every run returns first, and its catalogue."""

    storage: Storage
    catalogue: Catalogue


async def prepare(urls: DatabaseUrls) -> PreparedDatabase:
    """Prepare a migrated database."""
    storage = Storage(urls)
    storage.sql("UPDATE operator_settings SET refunds = true, fixed_rates = true")
    storage.sql("UPDATE assets SET confirmations = %s", CONFIRMATIONS)
    storage.sql(
        "UPDATE partners SET webhook_url = 'https://example.org',"
        " webhook_events = '{order.status_changed}' WHERE id = %s",
        PARTNER,
    )
    for network in (ACCOUNTS, OUTPUTS):
        addresses = [address_on(network, f"pay in {number}") for number in range(ADDRESSES)]
        storage.sql(
            "INSERT INTO pay_in_addresses (network, address, derivation_index)"
            " SELECT %s, one, row_number() OVER () FROM unnest(%s::text[]) AS one",
            network,
            addresses,
        )
        storage.sql(
            "INSERT INTO pay_in_accounts (network, kind, public_key, next_index, reuse)"
            " VALUES (%s, 'imported', '', %s, true)",
            network,
            ADDRESSES + 1,
        )
    storage.sql(
        "CREATE OR REPLACE FUNCTION public.pay_in_watch_period() RETURNS interval"
        f" LANGUAGE sql IMMUTABLE AS $$ SELECT interval '{WATCH_PERIOD}' $$"
    )
    codes = [code for one in settings().values() for code in one.codes]
    storage.sql(
        "INSERT INTO connected_assets (asset, receives, sends)"
        " SELECT code, true, true FROM unnest(%s::text[]) AS code",
        codes,
    )
    storage.remember()
    return PreparedDatabase(storage, await read_catalogue(storage.gateway))
