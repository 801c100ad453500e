"""Without its synchronous standby, PostgreSQL lets commits wait; callers and reads do not."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from gateway.asgi import AsgiMiddleware
from persistence.embedded.valkey import EmbeddedValkey
from persistence.postgres.orders.orders import CONCURRENT_INSERTS
from tests.conftest import DatabaseUrls
from tests.integration.servers.health.test_readiness import failing, states
from tests.support.builders.degraded import CREATE, Installation, application_of, installed
from tests.support.clients.operator_command import Operator
from tests.support.servers.in_process import request
from tests.support.waiting import wait_until_async

AT_ONCE = 20
KEY = "a-key-of-one-order"
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event = 'SyncRep'
"""


@pytest.fixture
async def installation(
    database_urls: DatabaseUrls, valkey: EmbeddedValkey, tmp_path: Path
) -> Installation:
    """Only the gateway's commits are synchronous: those of the tests themselves do not wait."""
    gateway = f"{database_urls.gateway}&options=-c%20synchronous_commit%3Don"
    urls = msgspec.structs.replace(database_urls, gateway=gateway)
    return await installed(Operator(urls, valkey, tmp_path / "instance", sandbox=False), valkey)


@contextmanager
def standby_lost(superuser_url: str) -> Iterator[psycopg.Connection]:
    """Have commits wait for a standby that is not there."""
    with psycopg.connect(superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        superuser.execute("SELECT pg_reload_conf()")
        try:
            yield superuser
        finally:
            superuser.execute("ALTER SYSTEM RESET synchronous_standby_names")
            superuser.execute("SELECT pg_reload_conf()")


def count(connection: psycopg.Connection, query: str) -> int:
    ((found,),) = connection.execute(query.encode()).fetchall()
    return int(found)


async def call(
    installation: Installation, application: AsgiMiddleware, path: str, body: Any, **extra: str
) -> dict[str, Any]:
    content = msgspec.json.encode(body)
    headers = {**installation.partner.v2_headers(path, content), **extra}
    response = await request(application, "POST", path, content, headers)
    document: dict[str, Any] = msgspec.json.decode(response.text)
    return document


async def test_creates_fail_fast_without_the_standby_and_a_retry_returns_the_one_order(
    installation: Installation,
) -> None:
    async with installation.gateway() as process:
        application = application_of(process)
        existing = {name: installation.order[name] for name in ("id", "token")}

        async def create(key: str) -> dict[str, Any]:
            headers = {"idempotency-key": key}
            return await call(installation, application, "/v1/create", CREATE, **headers)

        with standby_lost(installation.operator.urls.superuser) as superuser:
            # the setting reaches running sessions a moment after its reload
            opened: list[str] = []

            async def is_waiting() -> bool:
                opened.append(f"{KEY}-{len(opened)}")
                code = (await create(opened[-1]))["code"]
                return code == 11 and count(superuser, WAITING) > 0

            await wait_until_async(is_waiting)
            orders = count(superuser, "SELECT count(*) FROM orders")
            others = await asyncio.gather(*(create(f"another-key-{n}") for n in range(AT_ONCE)))
            assert {one["code"] for one in others} == {11}
            assert 0 < count(superuser, WAITING) <= CONCURRENT_INSERTS
            assert count(superuser, "SELECT count(*) FROM orders") == orders, "nothing is visible"
            assert (await create(opened[-1]))["code"] == 11
            for _ in range(AT_ONCE):
                order = await call(installation, application, "/v1/order", existing)
                assert order["code"] == 0
            assert await states(application) == {"commits": "waiting"}
            assert await failing(application) == set()
        await wait_until_async(lambda: states(application), {}.__eq__)
        first, second = await create(opened[-1]), await create(opened[-1])
        assert first["code"] == second["code"] == 0
        assert first["data"]["id"] == second["data"]["id"]
        assert first["data"]["token"] is None, "the order that waited, not another one"
        assert (await create("a-key-of-another-order"))["data"]["id"] != first["data"]["id"]
