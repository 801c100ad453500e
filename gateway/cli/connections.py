"""What a command works with: connections under one role, and the market when it needs one."""

from contextlib import suppress

import msgspec
from psqlpy.exceptions import Error as DatabaseError
from valkey.exceptions import ValkeyError

from domain.actions.ledger.ports import LedgerPorts
from domain.actions.orders.ports import SettlementPorts
from domain.assets import Catalogue
from feeds.key_file import InvalidKeyFile
from gateway.runtime.clock import SystemClock, new_id
from gateway.runtime.market import LiveMarket
from gateway.settings import Settings, SettingsError
from gateway.wiring.rates_key import rates_key
from persistence.keyring import KeyRing, load_keyring
from persistence.postgres.ledger.accounts import PostgresEarningsRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database
from persistence.valkey.client import connect
from persistence.valkey.notices import publish_change
from persistence.valkey.rates import read_snapshot

STATEMENT_TIMEOUT_MS = 3_000


class OperatorPorts:
    """Connections of one command: a fraction of what a process of the service needs.

    Nothing is connected before it is used. Raises SettingsError for a URL that can't be used; the
    URL isn't repeated, for it may hold a password.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        try:
            self.valkey = connect(settings.valkey_url, connections=2)
        except ValueError:
            raise SettingsError(
                "SWAPGATE_VALKEY_URL can't be used: it looks like valkey://host:port or "
                "unix:///path/to/socket"
            ) from None
        try:
            self.database = Database(
                settings.database_url,
                size=2,
                application="swapgate-command",
                statement_timeout_ms=STATEMENT_TIMEOUT_MS,
            )
        except (DatabaseError, ValueError):
            raise SettingsError(
                "SWAPGATE_DATABASE_URL can't be used: it looks like "
                "postgresql://user:password@host:port/database"
            ) from None

    def keyring(self) -> KeyRing:
        """Return the key ring; raise SettingsError where there is none that can be used."""
        path = self.settings.keyring_path
        try:
            return load_keyring(path)
        except OSError as error:
            raise SettingsError(f"the key ring {path} can't be read: {error.strerror}") from None
        except (msgspec.MsgspecError, ValueError) as error:
            raise SettingsError(f"the key ring {path} can't be used: {error}") from None

    def _rates_key(self) -> bytes | None:
        """Return what prices are signed with; raise SettingsError for a key that can't be used."""
        try:
            return rates_key(self.settings)
        except InvalidKeyFile as error:
            raise SettingsError(str(error)) from None

    async def catalogue(self) -> Catalogue:
        """Return the catalogue as it is now."""
        return await read_catalogue(self.database)

    async def settlement(self, *, rates: bool = False) -> SettlementPorts:
        """Return what the actions of settlement need, with today's catalogue.

        `rates` reads the newest prices too: raises Unavailable without Valkey.
        """
        market = LiveMarket(sandbox=self.settings.sandbox)
        market.adopt_catalogue(await self.catalogue())
        snapshot = None
        if rates:
            snapshot = await read_snapshot(self.valkey, key=self._rates_key())
        if snapshot is not None:
            market.adopt_snapshot(snapshot)
        return SettlementPorts(
            clock=self.clock,
            market=market,
            orders=PostgresSettlementOrderRepository(self.database, lambda: market.catalogue),
            new_id=new_id,
        )

    def bookkeeping(self) -> LedgerPorts:
        """Return what paying out and clearing earnings needs."""
        return LedgerPorts(
            clock=self.clock, accounts=PostgresEarningsRepository(self.database), new_id=new_id
        )

    async def tell(self) -> None:
        """Wake every worker to see a change at once; without Valkey it sees it soon after."""
        await publish_change(self.valkey)

    async def close(self) -> None:
        """Close the connections."""
        self.database.close()
        with suppress(ValkeyError, OSError):
            await self.valkey.aclose()
