"""The operator's command, run in this process on an instance with a test's own servers."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psycopg
from typer.testing import Result
from valkey import Valkey

from domain.market.rates import RateSnapshot
from domain.orders.order import LIFETIME, Order
from gateway.instance import (
    INSTANCE_FILE,
    KEYRING_FILE,
    RATES_KEY_FILE,
    Instance,
    ValkeyUser,
    write_private,
)
from persistence.embedded.valkey import EmbeddedValkey
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.pool import Database
from persistence.valkey.rates import KEY, encode_snapshot
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.records import add_addresses, new_order, stored_partner
from tests.support.clients.command import invoke

T = TypeVar("T")

TOKEN_HASH = b"t" * 32
VALKEY_DATABASE = 5
RATES_KEY = b"r" * 32
USD = 10**18


class Operator:
    """An instance of `swapgate up` without its processes, and the commands on it."""

    def __init__(
        self, urls: DatabaseUrls, valkey: EmbeddedValkey, data_dir: Path, *, sandbox: bool = True
    ) -> None:
        self.urls = urls
        self.valkey = valkey
        self.valkey_url = f"{valkey.url}?db={VALKEY_DATABASE}"
        """Of the owner, who may do everything."""
        self.data_dir = data_dir
        data_dir.mkdir()
        instance = Instance(
            owner_database_url=urls.owner,
            admin_database_url=urls.admin,
            gateway_database_url=urls.gateway,
            settlement_database_url=urls.settlement,
            valkey_urls={user: self.valkey_url_of(user) for user in ValkeyUser},
            sandbox=sandbox,
        )
        (data_dir / INSTANCE_FILE).write_bytes(msgspec.json.encode(instance))
        self.write_keyring(b"0" * 32)
        write_private(data_dir / RATES_KEY_FILE, RATES_KEY.hex().encode())

    def valkey_url_of(self, user: ValkeyUser) -> str:
        return f"{self.valkey.url_of(user)}?db={VALKEY_DATABASE}"

    def lose_valkey(self) -> None:
        """Have the commands look for Valkey where there is none."""
        path = self.data_dir / INSTANCE_FILE
        instance = msgspec.json.decode(path.read_bytes())
        urls = dict.fromkeys(ValkeyUser, "valkey://127.0.0.1:1")
        path.write_bytes(msgspec.json.encode({**instance, "valkeyUrls": urls}))

    def write_keyring(self, key: bytes) -> None:
        ring = {"current": "k1", "keys": {"k1": base64.b64encode(key).decode()}}
        write_private(self.data_dir / KEYRING_FILE, msgspec.json.encode(ring))

    def run(self, *arguments: str) -> Result:
        return invoke(*arguments, data_dir=self.data_dir)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return msgspec.json.decode(done.stdout)

    def error(self, *arguments: str) -> str:
        """Return the message of a command that fails: exit status 1, and no other output."""
        return error_of(self.run(*arguments))

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement as the tables' owner."""
        with psycopg.connect(self.urls.owner, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def revisions(self) -> dict[str, int]:
        return {row[0]: row[1] for row in self.sql("SELECT topic, revision FROM revisions")}

    def publish_rates(self, *, age: float = 0) -> None:
        """Publish prices as the rates process does: 62,500 USD for BTC, 1 for USDT."""
        snapshot = RateSnapshot(
            at=time.time() - age, prices={"BTC": 62_500 * USD, "USDT": USD, "XMR": 160 * USD}
        )
        with Valkey.from_url(self.valkey_url) as client:
            client.set(KEY, encode_snapshot(snapshot, key=RATES_KEY))

    def partner(self, **changes: object) -> str:
        """Store a partner; return its id."""

        async def work(admin: Database) -> str:
            return str((await stored_partner(admin, **changes)).id)

        return with_database(self.urls.admin, work)

    def order(self, **changes: object) -> str:
        """Open an order of 0.01 BTC to USDT for a partner of its own; return its id."""
        add_addresses(self.urls.owner, 1)
        now = datetime.now(UTC)
        times = {"created_at": now, "updated_at": now, "expires_at": now + LIFETIME}

        async def work(admin: Database) -> Order:
            partner, catalogue = await stored_partner(admin), await read_catalogue(admin)
            return new_order(partner, catalogue, **{**times, **changes})

        async def open_it(gateway: Database) -> str:
            catalogue = await read_catalogue(gateway)
            orders = PostgresOrderRepository(gateway, lambda: catalogue)
            opened = await orders.open(order, token_hash=TOKEN_HASH, idempotency=None)
            return str(opened.order.id)

        order = with_database(self.urls.admin, work)
        return with_database(self.urls.gateway, open_it)


def new_operator(
    urls: DatabaseUrls, servers: Servers, directory: Path, *, sandbox: bool = True
) -> Operator:
    """Return an instance on a test's own database and an empty Valkey database."""
    operator = Operator(urls, servers.valkey, directory / "instance", sandbox=sandbox)
    with Valkey.from_url(operator.valkey_url) as client:
        client.flushdb()
    if sandbox:
        operator.sql("UPDATE operator_settings SET sandbox = true")
    return operator


def error_of(done: Result) -> str:
    assert done.exit_code == 1, (done.stdout, done.stderr)
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line[0].isupper() or line[0] in "'-/"  # quoted, an option, a path
    return line


def with_database(url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    async def connected() -> T:
        database = Database(url, size=2)
        try:
            return await work(database)
        finally:
            database.close()

    return asyncio.run(connected())
