"""A rotation as a worker meets it that hasn't heard of it yet, on a real PostgreSQL and Valkey."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest

from domain.errors import AuthDisabled, AuthInvalid, Unavailable
from domain.partners.credentials import SecretName
from domain.partners.partner import PartnerChange
from domain.partners.weights import Call
from persistence.postgres.partners.partners import change_partner
from persistence.postgres.pool import Database
from persistence.valkey.admission.revisions import publish_revision
from persistence.valkey.connection.client import connect
from tests.conftest import DatabaseUrls, Servers
from tests.support.servers.two_workers import OLD, Setting, Worker, two_workers


@pytest.fixture
async def setting(database_urls: DatabaseUrls, servers: Servers) -> AsyncIterator[Setting]:
    async with two_workers(database_urls, servers) as setting:
        yield setting


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
    await setting.valkey.delete(f"{{p:{setting.partner.id}}}:revision")
    await setting.here.call(new)


async def test_calls_are_rejected_while_the_database_is_behind_admission(setting: Setting) -> None:
    await publish_revision(setting.valkey, setting.partner.id, 1_000_000)
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
    await setting.here.changed(setting.partner.id)
    await setting.here.call(OLD)
    await setting.valkey.config_resetstat()
    with pytest.raises(AuthInvalid):
        await setting.here.call("another secret", key=key)
    stats = await setting.valkey.info("commandstats")
    stats.pop("cmdstat_config|resetstat", None)
    calls = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()}
    assert {name: calls.get(name) for name in ("evalsha", "get", "set")} == {
        "evalsha": 1,
        "get": 3,
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
            "UPDATE signature_v2_uses SET key_id = gen_random_uuid()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
