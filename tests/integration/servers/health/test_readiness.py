"""A load balancer removes a node for what that node lacks, never for what all nodes share."""

import asyncio
import os
import signal
from typing import Any

import msgspec
import psycopg
import pytest

from gateway.asgi import AsgiMiddleware
from gateway.wiring import worker
from gateway.wiring.connections import Background
from tests.support.builders.degraded import (
    CREATE,
    Degraded,
    Installation,
    application_of,
    disconnect,
    running,
)
from tests.support.servers.in_process import request
from tests.support.waiting import wait_until_async

READY = "/readyz"
DEPENDENCIES = "/healthz/dependencies"
LOADED = {"accepting", "migrations", "catalogue", "partners", "rates"}


async def status_of(application: AsgiMiddleware, path: str) -> int:
    return (await request(application, "GET", path)).status


async def document(application: AsgiMiddleware, path: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((await request(application, "GET", path)).text)
    return found


async def states(application: AsgiMiddleware) -> dict[str, str]:
    """Return the states of the dependencies that are not available."""
    found = (await document(application, DEPENDENCIES))["dependencies"]
    return {name: one["state"] for name, one in found.items() if not one["ok"]}


async def failing(application: AsgiMiddleware) -> set[str]:
    checks = (await document(application, READY))["checks"]
    assert set(checks) == LOADED
    return {name for name, passed in checks.items() if not passed}


async def signed_create(installation: Installation, application: AsgiMiddleware) -> int:
    body = msgspec.json.encode(CREATE)
    headers = installation.partner.v2_headers("/v1/create", body)
    response = await request(application, "POST", "/v1/create", body, headers)
    code: int = msgspec.json.decode(response.text)["code"]
    return code


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker not wait for data that will not come."""
    monkeypatch.setattr(worker, "FIRST_DATA_SECONDS", 0.1)


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        (Degraded.NO_VALKEY, {"valkey": "unavailable"}),
        (Degraded.NO_DATABASE, {"database": "unavailable", "migrations": "unavailable"}),
    ],
)
async def test_a_node_stays_ready_while_what_all_nodes_share_is_unavailable(
    installation: Installation, lost: Degraded, named: dict[str, str]
) -> None:
    async with installation.gateway() as process:
        application = application_of(process)
        assert await states(application) == {}
        assert await status_of(application, DEPENDENCIES) == 200
        await asyncio.to_thread(installation.degrade, lost)
        await wait_until_async(lambda: states(application), named.__eq__)
        assert await status_of(application, DEPENDENCIES) == 503
        assert await status_of(application, READY) == 200
        assert await status_of(application, "/healthz") == 200
        assert await signed_create(installation, application) == 11


async def test_stale_rates_are_a_dependency_and_not_this_nodes_fault(
    installation: Installation,
) -> None:
    async with installation.gateway():
        pass
    await asyncio.to_thread(installation.operator.publish_rates, age=120)
    async with installation.gateway() as process:
        application = application_of(process)
        assert await states(application) == {"rates": "stale"}
        assert await failing(application) == set()


async def test_a_server_that_does_not_respond_holds_no_health_check(
    installation: Installation,
) -> None:
    """The client of Valkey itself would wait longer: the state tells which limit ended the wait."""
    async with installation.gateway() as process:
        application = application_of(process)
        (pid,) = installation.valkey._processes()
        os.kill(pid, signal.SIGSTOP)
        try:
            await wait_until_async(lambda: states(application), {"valkey": "timed out"}.__eq__)
            assert await failing(application) == set()
        finally:
            os.kill(pid, signal.SIGCONT)
        await wait_until_async(lambda: states(application), {}.__eq__)


async def test_many_health_checks_at_once_cause_one(installation: Installation) -> None:
    async with installation.gateway() as process:
        application = application_of(process)
        reports = await asyncio.gather(*(process.dependencies() for _ in range(50)))
        assert len({id(report) for report in reports}) == 1
        assert await states(application) == {}


@pytest.mark.usefixtures("impatient")
async def test_a_node_that_has_never_loaded_rates_is_not_ready_and_returns_code_11(
    installation: Installation,
) -> None:
    await asyncio.to_thread(installation.valkey.stop)
    async with running(installation.operator) as process:
        application = application_of(process)
        await wait_until_async(lambda: failing(application), {"rates"}.__eq__)
        assert await status_of(application, READY) == 503
        assert await status_of(application, "/healthz") == 200
        assert await signed_create(installation, application) == 11
        await asyncio.to_thread(installation.valkey.start)
        await asyncio.to_thread(installation.operator.publish_rates)
        await wait_until_async(lambda: status_of(application, READY), (200).__eq__)


@pytest.mark.usefixtures("impatient")
async def test_a_node_that_has_never_loaded_partners_returns_code_11_and_not_3(
    installation: Installation,
) -> None:
    await asyncio.to_thread(disconnect, installation.operator.urls.superuser)
    async with running(installation.operator) as process:
        application = application_of(process)
        unloaded = {"migrations", "catalogue", "partners"}
        await wait_until_async(lambda: failing(application), unloaded.__eq__)
        assert await status_of(application, READY) == 503
        assert await signed_create(installation, application) == 11


@pytest.mark.usefixtures("impatient")
async def test_a_node_whose_version_needs_further_migrations_is_not_ready_until_they_are_applied(
    installation: Installation,
) -> None:
    """Older nodes can serve calls meanwhile: this is not what all of them lack."""
    with psycopg.connect(installation.operator.urls.owner, autocommit=True) as owner:
        ((newest,),) = owner.execute(
            "SELECT migration_id FROM _yoyo_migration ORDER BY migration_id DESC LIMIT 1"
        ).fetchall()
        hidden = f"{newest} hidden"
        rename = "UPDATE _yoyo_migration SET migration_id = %s WHERE migration_id = %s"
        owner.execute(rename, (hidden, newest))
        async with running(installation.operator) as process:
            application = application_of(process)
            await wait_until_async(lambda: states(application), {"migrations": "missing"}.__eq__)
            assert "migrations" in await failing(application)
            assert await signed_create(installation, application) == 11
            owner.execute(rename, (newest, hidden))
            await wait_until_async(lambda: status_of(application, READY), (200).__eq__)


async def test_background_work_ends_although_a_library_loses_a_cancellation() -> None:
    lost = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.set()
        await asyncio.Event().wait()

    background = Background()
    background.start(work(), name="work")
    await asyncio.sleep(0)
    await background.stop()
    assert lost.is_set()
