"""An installation in which something is missing, and a signed-in partner who goes on using it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import msgspec
import psycopg

from domain.actions.cabinet.sign_in import Browser, open_session
from gateway.app import build
from gateway.asgi import AsgiMiddleware
from gateway.instance import KEYRING_FILE, ValkeyUser
from gateway.settings import Settings
from gateway.wiring.worker import GatewayProcess
from persistence.embedded.valkey import EmbeddedValkey
from tests.support.builders.records import add_addresses
from tests.support.clients.operator_command import Operator
from tests.support.clients.partner import Partner
from tests.support.clients.visitor import REFUND, TO, PageResponse
from tests.support.servers.in_process import request
from tests.support.waiting import wait_until_async

ASSETS = ("btc", "usdt_trc20")
CREATE = {
    "type": "float",
    "fromCcy": "btc",
    "toCcy": "usdt_trc20",
    "direction": "from",
    "amount": "0.01",
    "toAddress": TO,
    "refundAddress": REFUND,
}
_PARAMETER = re.compile(r"\{[a-z_]+\}|:[a-z_]+|\*$")


class Degraded(StrEnum):
    """What is missing."""

    NOTHING = "nothing"
    NO_ASSETS = "no assets"
    NO_RATES = "no rates"
    NO_VALKEY = "no Valkey"
    NO_DATABASE = "no PostgreSQL"
    MAINTENANCE = "maintenance"
    HALTED_CHAIN = "a halted chain"


CHANGES = {
    Degraded.NO_ASSETS: "DELETE FROM connected_assets",
    Degraded.MAINTENANCE: "UPDATE operator_settings SET maintenance = true",
    Degraded.HALTED_CHAIN: (
        "INSERT INTO chains (network, alarm, halted) VALUES ('Bitcoin', 'nodes disagree', true)"
    ),
}


class Installation(msgspec.Struct, frozen=True):
    """Outside the sandbox, with two connected assets, a partner and an order of the partner."""

    operator: Operator
    valkey: EmbeddedValkey
    partner: Partner
    owner_id: UUID
    order: dict[str, Any]

    @asynccontextmanager
    async def gateway(self, *, complete: bool = True) -> AsyncIterator[GatewayProcess]:
        """Run a worker of the gateway, which accepts signed calls if it is `complete`."""
        async with running(self.operator) as process:
            if complete:
                await self._accepts_calls(application_of(process))
            yield process

    async def _accepts_calls(self, application: AsgiMiddleware) -> None:
        async def status() -> int:
            headers = self.partner.v2_headers("/v1/codes", b"", method="GET")
            return (await request(application, "GET", "/v1/codes", b"", headers)).status

        await wait_until_async(status, (200).__eq__)

        async def discovery_status() -> int:
            return (await request(application, "POST", "/v1/currencies", b"", {})).status

        await wait_until_async(discovery_status, (200).__eq__)

    async def sessions(self, process: GatewayProcess, count: int) -> list[tuple[str, str]]:
        """Sign the owner in on several browsers; return their cookies and the forms' tokens."""
        ports = process.cabinet.sign_in
        member = await ports.members.find(self.owner_id)
        assert member is not None
        opened = [
            await open_session(
                ports, member, epoch=member.epoch, browser=Browser("10.0.0.1", "test")
            )
            for _ in range(count)
        ]
        session = "__Secure-cabinet={}; __Host-cabinet-proof={}".format
        return [
            (session(ports.signer.sign(one), one.host_proof), one.form_token)
            for one in (signed_in.cookie for signed_in in opened)
        ]

    def degrade(self, state: Degraded) -> None:
        """Take away what is missing in this state."""
        if state is Degraded.NOTHING:
            return
        if state in CHANGES:
            self.operator.sql(CHANGES[state])
        elif state is Degraded.NO_RATES:
            self.operator.publish_rates(age=120)
        elif state is Degraded.NO_VALKEY:
            self.valkey.stop()
        else:
            disconnect(self.operator.urls.superuser)


def disconnect(database_url: str) -> None:
    """Make a database reject all connections, and end those it has."""
    name = urlsplit(database_url).path.lstrip("/")
    elsewhere = database_url.replace(f"/{name}?", "/postgres?")
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'.encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )


def new_process(operator: Operator) -> GatewayProcess:
    return GatewayProcess(
        Settings(
            database_url=operator.urls.gateway,
            valkey_url=operator.valkey_url_of(ValkeyUser.GATEWAY),
            keyring_path=operator.data_dir / KEYRING_FILE,
            public_url="https://x",
            unsigned_quotes_per_minute=0,
            public_orders_per_minute=0,
            public_orders_of_all_per_minute=0,
        )
    )


@asynccontextmanager
async def running(operator: Operator) -> AsyncIterator[GatewayProcess]:
    process = new_process(operator)
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


def application_of(process: GatewayProcess) -> AsgiMiddleware:
    return build(process, body_deadline_seconds=5, metrics=False)


async def installed(operator: Operator, valkey: EmbeddedValkey) -> Installation:
    """Return an installation in which nothing is missing yet."""
    operator.sql(
        "INSERT INTO connected_assets (asset, receives, sends)"
        " SELECT code, true, true FROM assets WHERE code = ANY (%s)",
        list(ASSETS),
    )
    add_addresses(operator.urls.owner, 5)
    operator.publish_rates()
    email = f"{uuid4().hex}@wallet.example"
    created = await asyncio.to_thread(operator.json, "partner", "create", "--email", email)
    await asyncio.to_thread(operator.json, "partner", "password", email)
    ((owner_id,),) = operator.sql("UPDATE partner_users SET one_time = false RETURNING id")
    partner = Partner("", created["apiKey"], created["apiSecret"])
    async with running(operator) as process:
        application, body = application_of(process), msgspec.json.encode(CREATE)

        async def create() -> PageResponse:
            headers = partner.v2_headers("/v1/create", body)
            return await request(application, "POST", "/v1/create", body, headers)

        opened = await wait_until_async(create, lambda response: response.status != 503)
    order = msgspec.json.decode(opened.text)
    assert order["code"] == 0, opened.text
    return Installation(operator, valkey, partner, owner_id, order["data"])


def routes_of(application: AsgiMiddleware) -> list[tuple[str, str]]:
    """Return the method and the pattern of every route of an application, in order.

    Before its first request they are in the router's list of routes to apply.
    """
    hosts: Any = application.application
    framework = hosts.application
    return [
        (method if isinstance(method, str) else method.decode(), route.mustache_pattern)
        for method, route in framework.router.registered_routes
    ]


def filled(pattern: str, order: dict[str, Any]) -> str:
    """Return a path that matches a pattern: of the order where it may name one."""
    return _PARAMETER.sub(str(order["id"]), pattern)
