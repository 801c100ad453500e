"""A rotation as a worker meets it that hasn't heard of it yet, on a real PostgreSQL and Valkey."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from valkey.asyncio import Valkey

from domain.actions.partners.ports import RotationPorts
from domain.actions.partners.rotate_keys import rotate_keys
from domain.errors import AuthDisabled, AuthInvalid, Unavailable
from domain.partners.credentials import SecretName
from domain.partners.partner import Partner, PartnerAccess, PartnerChange
from domain.partners.weights import Call
from gateway.api.authentication import Authenticator, AuthHeaders
from gateway.api.partner_cache import PartnerCache
from gateway.http.client_address import ClientAddresses
from persistence.postgres.partners.key_settings import record_first_v2_use
from persistence.postgres.partners.partners import change_partner, read_access
from persistence.postgres.partners.secrets import PostgresSecretRepository
from persistence.postgres.pool import Database
from persistence.valkey.admission import ValkeyAdmissionController
from persistence.valkey.client import connect
from persistence.valkey.generations import publish_generation
from persistence.valkey.nonces import REMEMBERED_SINCE
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
        self.partners = PartnerCache(self._read)
        self.partners.invalidate([partner.api_key])
        self.partners.mark_verified()
        self.authenticator = Authenticator(
            self.partners,
            ValkeyAdmissionController(valkey),
            ClientAddresses(),
            record_v2_use=self._record_v2_use,
        )
        self.gateway = gateway

    async def _record_v2_use(self, partner_id: UUID) -> None:
        self.recorded += 1
        await record_first_v2_use(self.gateway, partner_id, at=datetime.now(UTC))
        self.partners.invalidate_partner(partner_id)

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
        self.partner = partner
        self.here = Worker(gateway, valkey, partner)
        self.there = Worker(gateway, valkey, partner)
        self.rotation = RotationPorts(
            secrets=PostgresSecretRepository(gateway, KEYRING),
            outdate=lambda partner_id, generation: publish_generation(
                valkey, partner_id, generation
            ),
            changed=self._changed,
            pause=asyncio.sleep,
            randomness=secrets.token_bytes,
        )

    async def _changed(self, _: object) -> None:
        self.here.partners.invalidate_partner(self.partner.id)

    async def rotate(self, *names: SecretName, generation: int = 0) -> str:
        """Return the new apiSecret, or the old one where it stays."""
        new = await rotate_keys(self.rotation, self.partner.id, generation=generation, names=names)
        return new.api_secret or OLD


@pytest.fixture
async def setting(database_urls: DatabaseUrls, servers: Servers) -> AsyncIterator[Setting]:
    gateway, admin = Database(database_urls.gateway), Database(database_urls.admin)
    valkey = connect(servers.valkey.url)
    await valkey.set(REMEMBERED_SINCE, 0)
    partner = await stored_partner(admin)
    setting = Setting(gateway, admin, valkey, partner)
    for worker in (setting.here, setting.there):
        await worker.call(OLD)
    yield setting
    gateway.close()
    admin.close()
    await valkey.aclose()


async def test_both_workers_reject_the_old_secret_and_accept_the_new_one(setting: Setting) -> None:
    new = await setting.rotate(SecretName.API)
    for worker in (setting.here, setting.there):
        with pytest.raises(AuthInvalid):
            await worker.call(OLD)
        await worker.call(new)


async def test_a_worker_without_a_notification_accepts_the_new_secret(
    setting: Setting,
) -> None:
    new = await setting.rotate(SecretName.API)
    await setting.there.call(new)


async def test_a_hundred_calls_with_the_old_secret_cause_few_database_reads(
    setting: Setting,
) -> None:
    new = await setting.rotate(SecretName.API)
    before = setting.there.reads
    ended = await asyncio.gather(
        *(setting.there.call(secret) for secret in (OLD, new) * 50), return_exceptions=True
    )
    assert [type(one) for one in ended] == [AuthInvalid, int] * 50
    assert setting.there.reads - before <= 3


async def test_a_call_with_the_old_secret_records_no_nonce_and_charges_nothing(
    setting: Setting,
) -> None:
    nonce = uuid4().hex
    new = await setting.rotate(SecretName.API)
    left = await setting.here.call(new)
    with pytest.raises(AuthInvalid):
        await setting.there.call(OLD, nonce=nonce)
    assert await setting.there.call(new, nonce=nonce) == left - 1


async def test_calls_continue_when_only_the_webhook_secret_is_rotated(setting: Setting) -> None:
    await setting.rotate(SecretName.WEBHOOK)
    for worker in (setting.there, setting.here):
        await worker.call(OLD)
    await setting.rotate(SecretName.WEBHOOK, generation=1)


async def test_a_partner_disabled_meanwhile_gets_the_error_for_it(setting: Setting) -> None:
    new = await setting.rotate(SecretName.API)
    await change_partner(setting.admin, setting.partner.id, PartnerChange(enabled=False))
    with pytest.raises(AuthDisabled):
        await setting.there.call(new)


async def test_calls_are_admitted_after_valkey_has_lost_its_data(setting: Setting) -> None:
    """As long as the worker knows the newest secret: within a second all do."""
    new = await setting.rotate(SecretName.API)
    await setting.here.call(new)
    await setting.valkey.delete(f"{{p:{setting.partner.id}}}:generation")
    await setting.here.call(new)


async def test_calls_are_rejected_while_the_database_is_behind_admission(setting: Setting) -> None:
    await publish_generation(setting.valkey, setting.partner.id, 7)
    with pytest.raises(Unavailable, match="older in the database"):
        await setting.here.call(OLD)


async def test_wrong_signatures_are_rejected_without_valkey(
    setting: Setting, database_urls: DatabaseUrls
) -> None:
    gateway, nowhere = Database(database_urls.gateway), connect("unix:///nowhere/valkey.sock")
    worker = Worker(gateway, nowhere, setting.partner)
    with pytest.raises(AuthInvalid):
        await worker.call("another secret")
    with pytest.raises(Unavailable):
        await worker.call(OLD)
    gateway.close()
    await nowhere.aclose()


@pytest.mark.parametrize("key", [None, "unknown", "x" * 5_000], ids=["known", "unknown", "long"])
async def test_every_wrong_signature_takes_the_same_steps(
    setting: Setting, key: str | None
) -> None:
    await setting.valkey.config_resetstat()
    with pytest.raises(AuthInvalid):
        await setting.here.call("another secret", key=key)
    stats = await setting.valkey.info("commandstats")
    stats.pop("cmdstat_config|resetstat", None)
    calls = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()}
    assert {name: calls.get(name) for name in ("evalsha", "get", "set")} == {
        "evalsha": 1,
        "get": 2,
        "set": None,
    }


async def test_a_rotation_of_version_1_is_rejected_by_a_worker_not_notified_of_version_2(
    setting: Setting,
) -> None:
    await setting.there.call(OLD, call=Call.KEYS_ROTATE)
    await setting.here.call_v2()
    with pytest.raises(AuthInvalid):
        await setting.there.call(OLD, call=Call.KEYS_ROTATE)
    await setting.there.call(OLD)
    await setting.there.call_v2(Call.KEYS_ROTATE)


async def test_only_the_first_use_of_version_2_is_recorded(setting: Setting) -> None:
    for _ in range(5):
        await setting.here.call_v2()
    assert setting.here.recorded == 1


async def test_the_gateway_cannot_undo_the_record_of_version_2(
    setting: Setting, database_urls: DatabaseUrls
) -> None:
    await setting.here.call_v2()
    with psycopg.connect(database_urls.gateway, autocommit=True) as connection:
        for statement in (
            "DELETE FROM signature_v2_uses",
            "TRUNCATE signature_v2_uses",
            "UPDATE signature_v2_uses SET partner_id = gen_random_uuid()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
