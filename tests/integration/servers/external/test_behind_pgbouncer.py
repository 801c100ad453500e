"""All processes behind pgbouncer in transaction mode, each with its settings file only."""

import asyncio
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from gateway.instance import Instance, ValkeyUser
from gateway.wiring.preparation import prepare
from tests.conftest import FOR_TESTS, SWAPGATE, free_port, is_ready
from tests.support.callers import UNAVAILABLE
from tests.support.clients.cabinet import Person
from tests.support.clients.partner import Demo, Partner, order_request, quote_request, send
from tests.support.servers.own.external import debian_postgres, external_postgres, external_valkey
from tests.support.servers.own.installation import Operator, create_database
from tests.support.servers.own.pgbouncer import SESSIONS, PgBouncer, pgbouncer
from tests.support.servers.webhook_receiver import receiving
from tests.support.waiting import wait_until

PROCESSES = {
    "rates/rates.env": ["rates"],
    "gateway/webhooks.env": ["webhooks"],
    "settlement/settlement.env": ["settlement", "--auto-settle"],
}
SESSIONS_OF_THE_GATEWAY = """
SELECT count(*) FROM pg_stat_activity
WHERE usename = 'swapgate_gateway' AND application_name <> 'swapgate-listener'
"""


class Service:
    """A running installation, and the pooler that it uses."""

    def __init__(self, operator: Operator, pooler: PgBouncer, base_url: str) -> None:
        self.operator = operator
        self.pooler = pooler
        self.base_url = base_url

    def demo(self) -> Demo:
        return msgspec.json.decode((self.operator.directory / "demo.json").read_bytes(), type=Demo)


def start(operator: Operator, file: str, *command: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a process with the settings of its file, and nothing else."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [*SWAPGATE, *command],
            env={**FOR_TESTS, "PATH": "", **operator.settings(file)},
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=operator.directory,
        )


def become_sandbox(operator: Operator, base_url: str) -> None:
    """Add the accounts and the demo partner of a sandbox."""
    owner, gateway, settlement, admin = (
        operator.settings(file)["SWAPGATE_DATABASE_DIRECT_URL"]
        for file in (
            "operator/migrate.env",
            "gateway/serve.env",
            "settlement/settlement.env",
            "operator/operator.env",
        )
    )
    instance = Instance(
        owner_database_url=owner,
        admin_database_url=admin,
        gateway_database_url=gateway,
        settlement_database_url=settlement,
        valkey_urls=dict.fromkeys(ValkeyUser, operator.valkey.url()),
        sandbox=True,
    )
    ring = operator.directory / "keyring.json"
    ring.symlink_to("gateway/keyring.json")
    prepare(instance, operator.directory, base_url=base_url)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("pgbouncer")
    with ExitStack() as stack:
        postgres = stack.enter_context(external_postgres(folder / "postgres", debian_postgres()))
        valkey = stack.enter_context(external_valkey(folder / "valkey"))
        create_database(postgres)
        operator = Operator(postgres, valkey, folder / "swapgate")
        assert operator.init("--sandbox").exit_code == 0
        direct = operator.environment["SWAPGATE_DATABASE_URL"]
        with psycopg.connect(postgres.superuser_url) as connection:
            verifiers: dict[str, str] = dict(
                connection.execute(
                    "SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'swapgate%'"
                    " AND rolpassword IS NOT NULL"
                ).fetchall()
            )
        pooler = stack.enter_context(pgbouncer(folder / "pgbouncer", [direct], verifiers))
        operator.environment |= {
            "SWAPGATE_DATABASE_URL": pooler.url(direct),
            "SWAPGATE_DATABASE_DIRECT_URL": direct,
        }
        done = operator.init()
        assert done.exit_code == 0, done.stderr
        base_url = f"http://127.0.0.1:{free_port()}"
        assert operator.run("operator/migrate.env", "migrate").exit_code == 0
        become_sandbox(operator, base_url)
        port = base_url.rpartition(":")[2]
        serve = ["serve", "--port", port, "--workers", "1", "--metrics-port", "0"]
        log = folder / "log"
        processes = [
            start(operator, file, *command, log=log)
            for file, command in {**PROCESSES, "gateway/serve.env": serve}.items()
        ]
        try:
            wait_until(lambda: is_ready(base_url), context=log.read_text, seconds=120)
            yield Service(operator, pooler, base_url)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)


def created(partner: Partner) -> Any:
    """Open an order, as soon as settlement has derived an address for it."""
    return wait_until(
        lambda: partner.call("/create", order_request()), lambda response: response.code == 0
    ).data


def test_orders_are_created_settled_and_reported(service: Service) -> None:
    demo = service.demo()
    partner = Partner(service.base_url, demo.api_key, demo.api_secret)
    with receiving(demo.webhook_secret) as receiver, ThreadPoolExecutor(8) as threads:
        changed = service.operator.run(
            *("operator/operator.env", "partner", "set", demo.cabinet_email),
            *("--webhook-url", receiver.url, "--budget", "100000"),
        )
        assert changed.exit_code == 0, changed.stderr
        partner.until(0, "/price", quote_request())
        opened = list(threads.map(lambda _: created(partner), range(30)))
        assert len({one["id"] for one in opened}) == 30
        paid = opened[0]["id"]
        # Code 11 on a busy machine: settlement takes the step later.
        assert partner.call("/sandbox/deposit", {"id": paid}).code in {0, UNAVAILABLE}
        wait_until(
            lambda: receiver.statuses(paid), ["PENDING", "EXCHANGE", "DONE"].__eq__, seconds=60
        )
        assert receiver.forged == []
    read = wait_until(
        lambda: {one["id"]: one["status"] for one in partner.call("/orders", {}).data["orders"]},
        lambda listed: listed.keys() >= {one["id"] for one in opened},
    )
    assert read[paid] == "DONE"


def test_members_sign_in_and_search_their_orders(service: Service) -> None:
    demo = service.demo()
    partner = Partner(service.base_url, demo.api_key, demo.api_secret)
    created(partner)
    person = Person(service.base_url)
    person.sign_in(demo.cabinet_email, demo.cabinet_password)
    page = person.get("/partner/orders")
    assert page.status == 200
    assert "BTC" in page.text


def test_few_sessions_serve_all_processes(service: Service) -> None:
    with psycopg.connect(service.operator.postgres.superuser_url) as connection:
        found = connection.execute(SESSIONS_OF_THE_GATEWAY).fetchone()
    assert found is not None
    assert 0 < found[0] <= SESSIONS
    assert send(f"{service.base_url}/readyz", method="GET").status == 200
    doctor = service.operator.run("operator/operator.env", "doctor", "--json")
    checks = {one["name"]: one["ok"] for one in msgspec.json.decode(doctor.stdout)["checks"]}
    assert checks["roles"]
    assert checks["settings"]


@pytest.mark.parametrize("file", ["gateway/serve.env", *PROCESSES])
async def test_a_process_without_the_direct_url_does_not_start(
    service: Service, file: str, tmp_path: Path
) -> None:
    settings = dict(service.operator.settings(file))
    del settings["SWAPGATE_DATABASE_DIRECT_URL"]
    name = Path(file).stem
    done = await asyncio.to_thread(
        subprocess.run,
        [*SWAPGATE, name],
        env={"COLUMNS": "400", "PATH": "", **settings},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "set SWAPGATE_DATABASE_DIRECT_URL to the server's own address" in done.stderr
