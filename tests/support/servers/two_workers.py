"""Two workers in this process that learn of changes only through their calls."""

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from valkey.asyncio import Valkey

from domain.actions.partners.ports import CodePorts, RotationPorts
from domain.actions.partners.rotate_keys import rotate_keys
from domain.changes import Revisions
from domain.partners.credentials import SecretName
from domain.partners.partner import ALL_PARTNERS, Partner, PartnerAccess
from domain.partners.weights import Call
from gateway.api.authentication import Authenticator, AuthHeaders, Caller
from gateway.api.partner_cache import PartnerCache
from gateway.http.client_address import ClientAddresses
from gateway.runtime.clock import SystemClock, new_id
from gateway.runtime.market import LiveMarket
from gateway.runtime.watchers import Sources, Watchers
from gateway.wiring.admission.partner_changes import put_into_effect
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.market.reserves import read_headroom
from persistence.postgres.market.revisions import read_revisions
from persistence.postgres.partners.api_keys import record_first_v2_use
from persistence.postgres.partners.codes import PostgresCodeRepository
from persistence.postgres.partners.partners import changed_keys, read_access
from persistence.postgres.partners.secrets import PostgresSecretRepository
from persistence.postgres.pool import Database
from persistence.valkey.admission.controller import ValkeyAdmissionController
from persistence.valkey.admission.nonces import REMEMBERED_SINCE
from persistence.valkey.admission.revisions import publish_revision, revision_key
from persistence.valkey.connection.client import connect
from persistence.valkey.notices import notices
from persistence.valkey.rates import read_snapshot
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.records import KEYRING, stored_partner

OLD = "a" * 43
BODY = b"{}"


class Worker:
    """A worker with a cached partner record, which learns of changes only if it is notified."""

    def __init__(self, gateway: Database, valkey: Valkey, partner: Partner) -> None:
        self.partner = partner
        self.reads = 0
        self.recorded = 0
        self.caught_up = 0
        self.partners = PartnerCache(self._read)
        self.partners.invalidate([partner.api_key])
        self.partners.mark_verified(-1)
        self.authenticator = Authenticator(
            self.partners,
            ValkeyAdmissionController(valkey),
            ClientAddresses(),
            record_v2_use=self._record_v2_use,
            catch_up=self._watchers(gateway, valkey).catch_up_partners,
        )
        self.gateway = gateway
        self.valkey = valkey

    async def _record_v2_use(self, partner_id: UUID, key_id: UUID) -> None:
        self.recorded += 1
        await record_first_v2_use(self.gateway, key_id, at=datetime.now(UTC))
        await self.changed(partner_id)

    async def changed(self, partner_id: UUID, *, revision: int | None = None) -> None:
        """Put a change that this worker made into effect."""
        self.partners.invalidate_partner(partner_id)
        await put_into_effect(self.gateway, self.valkey, partner_id, revision=revision)

    async def _revisions(self) -> Revisions:
        self.caught_up += 1
        return await read_revisions(self.gateway)

    def _watchers(self, gateway: Database, valkey: Valkey) -> Watchers:
        sources = Sources(
            read_revisions=self._revisions,
            read_catalogue=lambda: read_catalogue(gateway),
            read_headroom=lambda catalogue: read_headroom(gateway, catalogue),
            changed_keys=lambda since: changed_keys(gateway, since),
            publish_revision=lambda revision: publish_revision(valkey, None, revision),
            read_snapshot=lambda: read_snapshot(valkey, key=None),
            notices=lambda: notices(valkey),
        )
        return Watchers(sources, LiveMarket(), self.partners)

    async def _read(self, api_key: str) -> PartnerAccess | None:
        self.reads += 1
        return await read_access(self.gateway, KEYRING, api_key)

    async def call_v2(self, call: Call = Call.PRICE) -> None:
        """Make a call signed with version 2."""
        key, nonce = self.partner.api_key, uuid4().hex
        message = f"v2\nPOST\n/v1/x\n{key}\n{nonce}\n".encode() + BODY
        sign = hmac.new(OLD.encode(), message, hashlib.sha256).hexdigest()
        headers = AuthHeaders(key, sign, nonce, target=b"POST\n/v1/x", version=b"2")
        await self.authenticator.authenticate(headers, BODY, call)

    async def caller(self, code: str = "", *, secret: str = OLD) -> Caller:
        """Make a call that names a code."""
        key = f"{self.partner.api_key}.{code}" if code else self.partner.api_key
        sign = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
        headers = AuthHeaders(key, sign, uuid4().hex)
        return await self.authenticator.authenticate(headers, BODY, Call.PRICE)

    async def call(
        self,
        secret: str,
        *,
        nonce: str | None = None,
        key: str | None = None,
        call: Call = Call.PRICE,
    ) -> int:
        """Return how much weight is left after a call."""
        headers = AuthHeaders(
            key=key or self.partner.api_key,
            sign=hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest(),
            nonce=nonce or uuid4().hex,
        )
        return (await self.authenticator.authenticate(headers, BODY, call)).remaining


class Setting:
    """Two workers, one partner, and the rotation of the first."""

    def __init__(
        self, gateway: Database, admin: Database, valkey: Valkey, partner: Partner
    ) -> None:
        self.admin = admin
        self.valkey = valkey
        self.nowhere = connect("unix:///nowhere/valkey.sock")
        self.partner = partner
        self.here = Worker(gateway, valkey, partner)
        self.there = Worker(gateway, valkey, partner)
        self.rotation = RotationPorts(
            secrets=PostgresSecretRepository(gateway, KEYRING),
            changed=self.here.changed,
            randomness=secrets.token_bytes,
        )
        self.codes = CodePorts(
            clock=SystemClock(),
            codes=PostgresCodeRepository(gateway),
            changed=self.here.changed,
            new_id=new_id,
        )

    async def rotate(self, *names: SecretName, generation: int = 0) -> str:
        """Return the new apiSecret, or the old one where it stays."""
        new = await rotate_keys(
            self.rotation, self.partner.id, self.partner.id, generation=generation, names=names
        )
        return new.api_secret or OLD


@asynccontextmanager
async def two_workers(database_urls: DatabaseUrls, servers: Servers) -> AsyncIterator[Setting]:
    gateway, admin = Database(database_urls.gateway), Database(database_urls.admin)
    valkey = connect(servers.valkey.url)
    await valkey.set(REMEMBERED_SINCE, 0)
    await valkey.delete(revision_key(ALL_PARTNERS))  # of another database
    partner = await stored_partner(admin)
    setting = Setting(gateway, admin, valkey, partner)
    for worker in (setting.here, setting.there):
        await worker.call(OLD)
    yield setting
    gateway.close()
    admin.close()
    await valkey.aclose()
    await setting.nowhere.aclose()
