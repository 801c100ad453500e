"""A Valkey primary and its replica under Sentinel: real servers, of which one is killed."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from domain.actions.partners.ports import AdmissionOutcome
from persistence.postgres.pool import Database
from persistence.valkey.admission.nonces import RECORD, declare_complete
from persistence.valkey.connection.client import check_primaries
from tests.conftest import DatabaseUrls
from tests.support.servers.valkey.admission_worker import AdmissionWorker
from tests.support.servers.valkey.sentinel import ValkeySentinel
from tests.support.waiting import wait_until_async


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeySentinel]:
    with ValkeySentinel(tmp_path_factory.mktemp("sentinel")) as pair:
        yield pair


async def test_calls_continue_on_the_replica_and_none_can_be_repeated(
    pair: ValkeySentinel, database_urls: DatabaseUrls
) -> None:
    database = Database(database_urls.gateway, size=2)
    worker, partner = AdmissionWorker(pair.url(), database), uuid4()
    await declare_complete(worker.client)
    await worker.start()
    primary, replica = pair.nodes

    def record() -> str:
        return (primary.run("GET", RECORD) or b"").decode()

    await wait_until_async(record, lambda found: found.startswith(f"{primary.address} 1 0 1 "))
    nonces = [uuid4().hex for _ in range(100)]
    admitted = await asyncio.gather(*(worker.admit(partner, nonce) for nonce in nonces))
    assert {one.outcome for one in admitted} == {AdmissionOutcome.ADMITTED}
    await worker.client.set("{p:1}:nonce:x", "")
    primary.kill()
    await worker.until_admitted(partner)
    assert replica.role() == "master"
    outcomes = await asyncio.gather(*(worker.outcome(partner, nonce) for nonce in nonces))
    assert set(outcomes) == {AdmissionOutcome.REPLAYED}
    await check_primaries(worker.client)
    await wait_until_async(lambda: exists(worker), lambda found: found == 1)
    await worker.stop()
    database.close()


async def exists(worker: AdmissionWorker) -> int:
    """Return whether the client finds a key on the new primary."""
    try:
        return int(await worker.client.exists("{p:1}:nonce:x"))
    except OSError:
        return -1
