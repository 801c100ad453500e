"""Valkey servers over TLS: each connection verifies the certificate and the host it is for."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from domain.market.rates import RateSnapshot
from persistence.postgres.pool import Database
from persistence.valkey.acl import OWNER, PREFIX
from persistence.valkey.admission.nonces import declare_complete
from persistence.valkey.connection.client import check_primaries, connect, reply
from persistence.valkey.health import read_servers
from persistence.valkey.rates import RatePublisher, read_snapshot
from persistence.valkey.users import missing_users
from tests.conftest import DatabaseUrls
from tests.support.servers.authority import Authority
from tests.support.servers.valkey.admission_worker import AdmissionWorker, slot_of
from tests.support.servers.valkey.cluster import HOST, PASSWORDS, ValkeyCluster
from tests.support.servers.valkey.tls import announce, tls_in_front
from tests.support.waiting import wait_until_async

PARTNERS = [uuid4() for _ in range(24)]
"""So many that each of three primaries has some."""
WRONG = ["another_host", "another_authority"]


class Endpoints(msgspec.Struct, frozen=True):
    """A cluster that names servers with TLS, and the authority of their certificates."""

    ports: list[int]
    authority: Path

    def url(self, user: str, *, form: str = "valkeys+cluster") -> str:
        """Return the URL of a user; the form `valkeys` names the first server only."""
        ports = self.ports if form.endswith("cluster") else self.ports[:1]
        hosts = ",".join(f"{HOST}:{port}" for port in ports)
        login = f"{PREFIX}{user}:{PASSWORDS[user]}"
        return f"{form}://{login}@{hosts}?ssl_ca_certs={self.authority}"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyCluster]:
    directory = tmp_path_factory.mktemp("cluster")
    with ValkeyCluster(directory, primaries=3, replicas=0) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def served(
    cluster: ValkeyCluster,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Endpoints]:
    """All servers have right certificates; with a parameter, all have wrong ones."""
    wrong = getattr(request, "param", "")
    directory = tmp_path_factory.mktemp("tls")
    authority, another = Authority(directory), Authority(directory, "another")
    signer = another if wrong == "another_authority" else authority
    host = "127.0.0.2" if wrong == "another_host" else HOST
    certificates = [signer.certificate_of(host)] * len(cluster.nodes)
    with tls_in_front(directory, cluster.nodes, certificates) as ports:
        announce(cluster, ports)
        yield Endpoints(ports, authority.file)


@pytest.fixture(autouse=True)
async def closed_connections() -> AsyncIterator[None]:
    """Let connections with TLS end: the loop has to exchange their last messages."""
    yield
    transports = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]

    def open_sockets() -> list[int]:
        sockets = [one.get_extra_info("socket") for one in list(transports.values())]
        return [one.fileno() for one in sockets if one.fileno() != -1]

    await wait_until_async(open_sockets, [].__eq__)


@pytest.fixture
async def worker(served: Endpoints, database_urls: DatabaseUrls) -> AsyncIterator[AdmissionWorker]:
    database = Database(database_urls.gateway, size=2)
    worker = AdmissionWorker(served.url("gateway"), database)
    await declare_complete(worker.client)
    await worker.start()
    yield worker
    await worker.stop()
    database.close()


async def test_calls_are_admitted_by_the_server_of_each_partner(worker: AdmissionWorker) -> None:
    await asyncio.gather(*(worker.until_admitted(partner) for partner in PARTNERS))
    primaries = worker.admission.primaries
    assert len({primaries.of_slot(slot_of(partner)) for partner in PARTNERS}) == 3


async def test_rates_are_published_and_read(worker: AdmissionWorker, served: Endpoints) -> None:
    rates, operator = connect(served.url("rates")), connect(served.url("operator"))
    found = await read_servers(operator)
    assert len(found) == 3
    snapshot = RateSnapshot(at=found[0].now, prices={"BTC": 10**12})
    assert await RatePublisher(rates, token="one", key=b"k").publish(snapshot)
    assert await read_snapshot(worker.client) == snapshot
    await rates.aclose()
    await operator.aclose()


@pytest.mark.parametrize("form", ["valkeys+cluster", "valkeys"])
def test_the_servers_users_are_managed(served: Endpoints, form: str) -> None:
    assert missing_users(served.url(OWNER, form=form)) == []


@pytest.mark.parametrize("form", ["valkeys+cluster", "valkeys"])
@pytest.mark.parametrize("served", WRONG, indirect=True, scope="module")
async def test_no_process_connects_to_a_server_with_a_wrong_certificate(
    served: Endpoints, form: str
) -> None:
    client = connect(served.url("gateway", form=form))
    with pytest.raises((Unavailable, ValkeyError)):
        await check_primaries(client)
    with pytest.raises(Unavailable):
        await reply(client.get("key"))
    with suppress(ValkeyError):
        await client.aclose()


@pytest.mark.parametrize("form", ["valkeys+cluster", "valkeys"])
@pytest.mark.parametrize("served", WRONG, indirect=True, scope="module")
def test_no_password_of_the_owner_goes_to_a_server_with_a_wrong_certificate(
    served: Endpoints, form: str
) -> None:
    with pytest.raises(ValkeyError):
        missing_users(served.url(OWNER, form=form))


@pytest.mark.parametrize("form", ["valkey+cluster", "valkey"])
async def test_servers_with_tls_accept_no_client_without_it(served: Endpoints, form: str) -> None:
    url = served.url("gateway", form=form).partition("?")[0]
    client = connect(url)
    with pytest.raises((Unavailable, ValkeyError)):
        await check_primaries(client)
    with suppress(ValkeyError):
        await client.aclose()
