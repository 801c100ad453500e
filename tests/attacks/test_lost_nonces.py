"""An attacker repeats a captured call once Valkey has lost the nonces of the last five minutes."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from valkey import Valkey
from valkey.asyncio import Valkey as AsyncValkey

from domain.actions.partners.ports import NONCE_SECONDS, Admission, AdmissionOutcome
from persistence.postgres.partners.nonce_memory import begin_nonce_memory
from persistence.postgres.pool import Database
from persistence.valkey.admission.controller import ValkeyAdmissionController
from persistence.valkey.admission.nonces import REMEMBERED_SINCE, declare_complete
from persistence.valkey.connection.client import connect
from tests.conftest import DatabaseUrls, Running, Servers, start_up, stop
from tests.support.clients.partner import quote_request
from tests.support.waiting import wait_until

BODY = json.dumps(quote_request()).encode()
OWN_DATABASE = 7
PARTNER, NONCE = uuid4(), "n" * 16


@pytest.fixture
async def valkey(servers: Servers) -> AsyncIterator[AsyncValkey]:
    client = connect(f"{servers.valkey.url}?db={OWN_DATABASE}")
    await client.flushdb()
    await declare_complete(client)
    yield client
    await client.aclose()


async def call(valkey: AsyncValkey, nonce: str = "", *, budget: int = 100) -> Admission:
    """Make a call on a worker of its own."""
    return await ValkeyAdmissionController(valkey).admit(
        PARTNER, revision=0, nonce=nonce or uuid4().hex, weight=1, budget=budget
    )


async def pass_time(valkey: AsyncValkey, seconds: float) -> None:
    """Move the loss of the nonces into the past."""
    since = await valkey.get(REMEMBERED_SINCE)
    assert since is not None
    await valkey.set(REMEMBERED_SINCE, int(since) - int(seconds * 1000))


async def test_a_captured_call_is_not_repeated_after_the_nonces_were_flushed(
    valkey: AsyncValkey,
) -> None:
    assert (await call(valkey, NONCE)).outcome is AdmissionOutcome.ADMITTED
    await valkey.flushdb()
    outcomes = [(await call(valkey, NONCE)).outcome for _ in range(3)]
    assert outcomes[0] is AdmissionOutcome.NONCES_LOST
    assert AdmissionOutcome.ADMITTED not in outcomes


async def test_calls_are_accepted_again_once_every_lost_nonce_has_expired(
    valkey: AsyncValkey,
) -> None:
    await valkey.flushdb()
    rejected = await call(valkey)
    assert rejected.outcome is AdmissionOutcome.NONCES_LOST
    assert NONCE_SECONDS - 60 < rejected.wait_ms / 1000 <= NONCE_SECONDS
    await pass_time(valkey, NONCE_SECONDS - 30)
    assert (await call(valkey)).outcome is AdmissionOutcome.NONCES_LOST
    await pass_time(valkey, 30)
    assert (await call(valkey)).outcome is AdmissionOutcome.ADMITTED


async def test_a_call_that_was_rejected_for_lost_nonces_is_not_repeated_afterwards(
    valkey: AsyncValkey,
) -> None:
    await valkey.flushdb()
    assert (await call(valkey, NONCE)).outcome is AdmissionOutcome.NONCES_LOST
    await pass_time(valkey, NONCE_SECONDS)
    assert (await call(valkey, NONCE)).outcome is AdmissionOutcome.REPLAYED


async def test_calls_cannot_fill_valkey_while_nonces_are_lost(valkey: AsyncValkey) -> None:
    await valkey.flushdb()
    outcomes = [(await call(valkey, budget=3)).outcome for _ in range(5)]
    assert outcomes == [AdmissionOutcome.NONCES_LOST] * 3 + [AdmissionOutcome.LIMITED] * 2


async def test_a_clock_that_was_set_back_does_not_extend_the_wait(valkey: AsyncValkey) -> None:
    await valkey.set(REMEMBERED_SINCE, int((time.time() + 86_400) * 1000))
    assert (await call(valkey)).wait_ms <= NONCE_SECONDS * 1000


async def test_only_the_first_start_of_an_installation_declares_that_no_nonce_was_lost(
    database_urls: DatabaseUrls, valkey: AsyncValkey
) -> None:
    database = Database(database_urls.gateway, size=2)
    began = await asyncio.gather(*(begin_nonce_memory(database) for _ in range(5)))
    assert [age is None for age in began].count(True) == 1
    assert await begin_nonce_memory(database) is not None
    database.close()
    await valkey.flushdb()
    await call(valkey)
    await declare_complete(valkey)
    assert (await call(valkey)).outcome is AdmissionOutcome.NONCES_LOST


def outcome_of(up: Running, headers: dict[str, str] | None = None) -> tuple[int, int]:
    """Return status and code of a call, with a fresh signature unless one is given."""
    partner = up.partner()
    response = partner.post("/price", BODY, headers or partner.v2_headers("/v1/price", BODY))
    return response.status, response.code


@pytest.mark.slow
def test_a_service_rejects_repeated_calls_after_its_valkey_was_emptied(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    up = start_up(data_dir, "--workers", "2")
    try:
        captured = up.partner().v2_headers("/v1/price", BODY)
        wait_until(lambda: outcome_of(up), (200, 0).__eq__)
        assert outcome_of(up, captured) == (200, 0)
        with Valkey.from_url(up.valkey_url()) as valkey:
            valkey.flushall()
            wait_until(lambda: valkey.exists(REMEMBERED_SINCE), bool)
            assert outcome_of(up, captured) == (503, 11)
            assert outcome_of(up) == (503, 11)
            assert "nonces lost" in (data_dir / "logs" / "serve.log").read_text()
            assert "Valkey has lost its data" in up.command("doctor").stdout
            lost = int(valkey.get(REMEMBERED_SINCE) or 0)
            valkey.set(REMEMBERED_SINCE, lost - NONCE_SECONDS * 1000)
            wait_until(lambda: outcome_of(up), (200, 0).__eq__)
            assert outcome_of(up, captured) == (401, 3)
    finally:
        stop(up)
    shutil.rmtree(data_dir / "valkey")
    up = start_up(data_dir, "--workers", "2")
    try:
        assert outcome_of(up) == (503, 11)
    finally:
        stop(up)
