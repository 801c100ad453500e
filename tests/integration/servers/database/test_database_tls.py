"""Connections to PostgreSQL over TLS, which verify the server or are refused."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.instance import Role
from gateway.wiring.database import excess_rights_problem, migrate
from persistence.postgres.notifications import Channel, listen
from persistence.postgres.pool import Database, DatabaseUnavailable
from tests.conftest import DatabaseUrls
from tests.support.servers.authority import Authority
from tests.support.servers.tls_front import TlsFront

HOST = "localhost"


class Encrypted:
    """A database that is reached over TLS."""

    def __init__(self, front: TlsFront, authority: Authority, other: Authority) -> None:
        self.front = front
        self.authority = authority
        self.other = other

    def url(self, url: str, *, host: str = HOST, ca_file: Path | None = None) -> str:
        """Return the URL of the same login over TLS."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        ca_file = ca_file or self.authority.file
        return (
            f"postgresql://{login}@{host}:{self.front.port}{parts.path}"
            f"?sslmode=verify-full&sslrootcert={ca_file}"
        )


@pytest.fixture
async def encrypted(database_urls: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Encrypted]:
    query = dict(parse_qsl(urlsplit(database_urls.owner).query))
    socket = Path(query["host"]) / f".s.PGSQL.{query['port']}"
    authority, other = Authority(tmp_path), Authority(tmp_path, "another")
    front = TlsFront(socket, authority.certificate_of(HOST))
    async with front.listening():
        yield Encrypted(front, authority, other)


async def test_every_kind_of_connection_works_over_tls(
    database_urls: DatabaseUrls, encrypted: Encrypted
) -> None:
    url = encrypted.url(database_urls.gateway)
    database = Database(url)
    assert await database.fetch("SELECT 1 AS one") == [{"one": 1}]
    database.close()
    stop = asyncio.Event()
    await asyncio.wait_for(
        listen(url, Channel.WEBHOOK_EVENTS, on_work=stop.set, stop=stop), timeout=10
    )
    assert await asyncio.to_thread(migrate, encrypted.url(database_urls.owner)) == []
    problem = await asyncio.to_thread(excess_rights_problem, url, Role.GATEWAY, sandbox=False)
    assert problem is None
    assert encrypted.front.accepted == 6, "migrate checks its session, and creates partitions"


@pytest.mark.parametrize("wrong", ["authority", "host"])
async def test_a_server_that_cannot_be_verified_is_not_used(
    database_urls: DatabaseUrls, encrypted: Encrypted, wrong: str
) -> None:
    url = (
        encrypted.url(database_urls.gateway, ca_file=encrypted.other.file)
        if wrong == "authority"
        else encrypted.url(database_urls.gateway, host="127.0.0.1")
    )
    with pytest.raises(DatabaseUnavailable, match="TLS"):
        await Database(url).fetch("SELECT 1")
    stop = asyncio.Event()
    with pytest.raises(DatabaseUnavailable, match="certificate"):
        await listen(url, Channel.WEBHOOK_EVENTS, on_work=stop.set, stop=stop)
    assert encrypted.front.accepted == 0
