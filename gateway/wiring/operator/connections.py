"""The connections of one command: a few, opened when they are first used."""

from contextlib import suppress
from uuid import UUID

from psqlpy.exceptions import Error as DatabaseError
from valkey.exceptions import ValkeyError

from domain.assets import Catalogue
from gateway.runtime.clock import SystemClock
from gateway.settings import Settings, SettingsError
from gateway.wiring.admission.partner_changes import put_into_effect
from gateway.wiring.keyring import open_keyring
from persistence.keyring import KeyRing
from persistence.postgres.hosts import UnusableUrl
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.pool import Database
from persistence.postgres.sessions import READ_ONLY
from persistence.valkey.connection.client import connect
from persistence.valkey.notices import publish_change

APPLICATION = "swapgate-command"
STATEMENT_TIMEOUT_MS = 3_000


class OperatorConnections:
    """Connections with the role of `settings`; with `read_only`, the database rejects changes.

    Raises SettingsError for a URL that cannot be used, and does not repeat it: it may contain a
    password.
    """

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self.settings = settings
        self._session = {READ_ONLY: "on"} if read_only else {}
        self.clock = SystemClock()
        try:
            self.valkey = connect(settings.valkey_url, connections=2)
        except ValueError:
            raise SettingsError(
                "SWAPGATE_VALKEY_URL cannot be used: its form is valkey://host:port or "
                "unix:///path/to/socket"
            ) from None
        try:
            self.database = self.database_with(statement_timeout_ms=STATEMENT_TIMEOUT_MS)
        except UnusableUrl as error:
            raise SettingsError(f"SWAPGATE_DATABASE_URL cannot be used: {error}") from None
        except (DatabaseError, ValueError):
            raise SettingsError(
                "SWAPGATE_DATABASE_URL cannot be used: its form is "
                "postgresql://user:password@host:port/database"
            ) from None

    def database_with(self, *, statement_timeout_ms: int) -> Database:
        """Return connections to the same database with another statement timeout."""
        return Database(
            self.settings.database_url,
            size=2,
            application=APPLICATION,
            statement_timeout_ms=statement_timeout_ms,
            session=self._session,
            shared_sessions=bool(self.settings.database_direct_url),
        )

    def keyring(self) -> KeyRing:
        """Return the key ring; raise SettingsError."""
        return open_keyring(self.settings.keyring_path)

    async def catalogue(self) -> Catalogue:
        """Return the catalogue as it is now."""
        return await read_catalogue(self.database)

    async def announce(self) -> None:
        """Wake every worker to read a change at once; without Valkey they read it soon after."""
        await publish_change(self.valkey)

    async def partner_changed(self, partner_id: UUID, *, revision: int | None = None) -> None:
        """Put a change of a partner into effect; see PartnerChanged."""
        await put_into_effect(self.database, self.valkey, partner_id, revision=revision)

    async def close(self) -> None:
        """Close the connections."""
        self.database.close()
        with suppress(ValkeyError, OSError):
            await self.valkey.aclose()
