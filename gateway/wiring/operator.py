"""The composition of the operator's commands: connections, and ports composed when first used.

Adapters are imported by the method that needs them, so that a command loads only its own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from psqlpy.exceptions import Error as DatabaseError
from valkey.exceptions import ValkeyError

from domain.actions.ledger.ports import LedgerPorts
from domain.actions.operator.chains import OperatorChainRepository
from domain.actions.operator.outflows import OperatorOutflowRepository
from domain.actions.operator.ports import MarketPorts
from domain.actions.orders.ports import SettlementPorts
from domain.assets import Asset, Catalogue
from domain.chains.sweeps import SweepOptions
from domain.errors import Unavailable
from gateway.runtime.clock import SystemClock, new_id
from gateway.runtime.market import LiveMarket
from gateway.settings import Settings, SettingsError
from gateway.wiring.rates_key import rates_key
from persistence.keyring import KeyRing, load_keyring
from persistence.postgres.ledger.accounts import PostgresEarningsRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database, DatabaseUnavailable
from persistence.valkey.client import connect
from persistence.valkey.notices import publish_change
from persistence.valkey.rates import read_snapshot

if TYPE_CHECKING:
    from domain.actions.operator.pay_in import PayInPorts
    from domain.actions.operator.sweep import SweepPorts

APPLICATION = "swapgate-command"
STATEMENT_TIMEOUT_MS = 3_000

T = TypeVar("T")


class OperatorPorts:
    """The ports of one command's actions, over a few connections of its own.

    Nothing is connected before it is used. Raises SettingsError for a URL that cannot be used; the
    URL is not repeated, because it may contain a password.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        try:
            self.valkey = connect(settings.valkey_url, connections=2)
        except ValueError:
            raise SettingsError(
                "SWAPGATE_VALKEY_URL cannot be used: its form is valkey://host:port or "
                "unix:///path/to/socket"
            ) from None
        try:
            self.database = Database(
                settings.database_url,
                size=2,
                application=APPLICATION,
                statement_timeout_ms=STATEMENT_TIMEOUT_MS,
            )
        except (DatabaseError, ValueError):
            raise SettingsError(
                "SWAPGATE_DATABASE_URL cannot be used: its form is "
                "postgresql://user:password@host:port/database"
            ) from None

    def keyring(self) -> KeyRing:
        """Return the key ring; raise SettingsError if it is missing or malformed."""
        path = self.settings.keyring_path
        try:
            return load_keyring(path)
        except OSError as error:
            raise SettingsError(f"the key ring {path} cannot be read: {error.strerror}") from None
        except (msgspec.MsgspecError, ValueError) as error:
            raise SettingsError(f"the key ring {path} cannot be used: {error}") from None

    async def catalogue(self) -> Catalogue:
        """Return the catalogue as it is now."""
        return await read_catalogue(self.database)

    async def settlement(self, *, rates: bool = False) -> SettlementPorts:
        """Return what the actions of settlement need, with the catalogue as it is now.

        `rates` reads the newest prices too: raises Unavailable without Valkey, and SettingsError.
        """
        market = LiveMarket(sandbox=self.settings.sandbox)
        market.adopt_catalogue(await self.catalogue())
        snapshot = None
        if rates:
            snapshot = await read_snapshot(self.valkey, key=rates_key(self.settings))
        if snapshot is not None:
            market.adopt_snapshot(snapshot)
        return SettlementPorts(
            clock=self.clock,
            market=market,
            orders=PostgresSettlementOrderRepository(self.database, lambda: market.catalogue),
            new_id=new_id,
        )

    def market(self) -> MarketPorts:
        """Return what the operator's actions on the market need."""
        from persistence.postgres.market.reserves import PostgresReserveRepository
        from persistence.postgres.market.settings import PostgresMarketSettings

        return MarketPorts(
            settings=PostgresMarketSettings(self.database),
            reserves=PostgresReserveRepository(self.database),
            announce=self.announce,
        )

    def chains(self) -> OperatorChainRepository:
        """Return the operator's view of chains."""
        from persistence.postgres.chains.operator_chains import PostgresOperatorChainRepository

        return PostgresOperatorChainRepository(self.database)

    def outflows(self) -> OperatorOutflowRepository:
        """Return the operator's view of what settlement sends."""
        from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository

        return PostgresOperatorOutflowRepository(self.database)

    def pay_in(self) -> "PayInPorts":
        """Return what the operator's actions on pay-in accounts need."""
        from domain.actions.operator.pay_in import PayInPorts
        from feeds.settlement.addresses.derivation import checked_account, derive
        from persistence.postgres.chains.operator_pay_in import PostgresOperatorPayInRepository

        return PayInPorts(
            repository=PostgresOperatorPayInRepository(self.database),
            checked=checked_account,
            derive=lambda account, count: derive(account, start=0, count=count),
        )

    def sweep(self) -> "SweepPorts":
        """Return what drafting sweeps needs. Drafting raises SettingsError for the chains file."""
        from domain.actions.operator.sweep import SweepPorts
        from feeds.settlement.chains.interface import InvalidChainSettings
        from feeds.settlement.chains.settings import read_chains_file
        from feeds.settlement.sweep import draft_sweep
        from persistence.postgres.chains.pay_in import PostgresAssignedAddresses

        assigned = PostgresAssignedAddresses(self.database)

        async def draft(asset: Asset, catalogue: Catalogue, options: SweepOptions) -> Any:
            if not self.settings.chains:
                raise SettingsError("SWAPGATE_CHAINS is not set: it names the file of nodes")
            try:
                chains = read_chains_file(Path(self.settings.chains))
                return await draft_sweep(
                    chains, asset, catalogue=catalogue, assigned=assigned, options=options
                )
            except InvalidChainSettings as error:
                raise SettingsError(str(error)) from None

        return SweepPorts(catalogue=self.catalogue, draft=draft)

    def bookkeeping(self) -> LedgerPorts:
        """Return what paying out and clearing earnings needs."""
        return LedgerPorts(
            clock=self.clock, accounts=PostgresEarningsRepository(self.database), new_id=new_id
        )

    async def announce(self) -> None:
        """Wake every worker to read a change at once; without Valkey they read it soon after."""
        await publish_change(self.valkey)

    async def close(self) -> None:
        """Close the connections."""
        self.database.close()
        with suppress(ValkeyError, OSError):
            await self.valkey.aclose()


def run_with_ports(settings: Settings, work: Callable[[OperatorPorts], Awaitable[T]]) -> T:
    """Run `work` with connections of its own. Raises SettingsError and DomainError.

    What the database driver reports becomes Unavailable, with the last part of its message.
    """

    async def connected() -> T:
        ports = OperatorPorts(settings)
        try:
            return await work(ports)
        finally:
            await ports.close()

    try:
        return asyncio.run(connected())
    except DatabaseUnavailable as error:
        raise Unavailable(
            f"the database cannot be reached ({gist(error)}): run `swapgate doctor` for advice"
        ) from error
    except DatabaseError as error:
        raise Unavailable(
            f"the database rejected the statement ({gist(error)}): run `swapgate doctor` for advice"
        ) from error


def gist(error: Exception) -> str:
    """Return the last part of a driver's message, which says what went wrong."""
    return str(error).rpartition(": ")[2] or type(error).__name__
