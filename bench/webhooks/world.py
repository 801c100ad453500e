"""Servers, partners, receiver, writer and delivery processes of a bench, all on loopback."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self
from uuid import UUID

import msgspec
import psycopg

from bench.webhooks.orders import store_orders
from bench.webhooks.writer import STATES, Work
from domain.partners.credentials import Credentials
from domain.partners.partner import Partner
from gateway.instance import write_private
from gateway.runtime.clock import SystemClock, new_id
from gateway.settings import Settings, environment_of
from persistence.embedded.access import SUPERUSER
from persistence.embedded.postgres import EmbeddedPostgres
from persistence.embedded.server import start_together
from persistence.embedded.valkey import EmbeddedValkey
from persistence.keyring_file import load_keyring, new_keyring
from persistence.postgres.migrate import apply_migrations
from persistence.postgres.partners.partners import create_partner
from persistence.postgres.pool import Database

SECRET: Final = "s" * 43


class World:
    """A context manager that ends every process that it started."""

    def __init__(self, *, workers: int) -> None:
        self._stack = ExitStack()
        self._workers = workers
        self.delivery: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """Start servers, receiver and delivery."""
        directory = Path(self._stack.enter_context(TemporaryDirectory(prefix="sg-webhooks-")))
        directory.chmod(0o755)
        self.directory = directory
        self.postgres = EmbeddedPostgres(directory / "postgres")
        self.valkey = EmbeddedValkey(directory / "valkey")
        self._stack.callback(self.postgres.stop)
        self._stack.callback(self.valkey.stop)
        start_together(self.postgres, self.valkey)
        apply_migrations(self.postgres.url())
        write_private(directory / "keyring.json", new_keyring())
        self.received_file = directory / "received"
        self._receiver = self._spawn("bench.webhooks.receiver", SECRET, str(self.received_file))
        assert self._receiver.stdout is not None  # noqa: S101  it is a pipe
        self.port = int(self._receiver.stdout.readline())
        self._stack.callback(self._end_delivery)
        self.delivery = [self.start_delivery(number) for number in range(self._workers)]
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all processes."""
        self._stack.close()

    def start_delivery(self, number: int) -> subprocess.Popen[bytes]:
        """Start a `swapgate webhooks` process."""
        settings = Settings(
            database_url=self.postgres.url(user="swapgate_gateway"),
            valkey_url=self.valkey.url,
            keyring_path=self.directory / "keyring.json",
            sandbox=True,
        )
        with (self.directory / f"delivery-{number}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "gateway", "webhooks"],
                env={**os.environ, **environment_of(settings)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def partners(self, behaviors: Sequence[str]) -> list[UUID]:
        """Create a partner for each behavior (ok, hang, drip); return their ids."""
        partners = [
            Partner(
                id=(partner_id := new_id()),
                email=f"{partner_id}@example.org",
                name="Bench",
                enabled=True,
                api_key=partner_id.hex,
                webhook_url=f"http://127.0.0.1:{self.port}/{behavior}/{partner_id}",
            )
            for behavior in behaviors
        ]
        asyncio.run(self._store(partners))
        return [partner.id for partner in partners]

    def write(
        self, partners: Sequence[UUID], *, events: int, rate: float, batch: int = 1
    ) -> tuple["subprocess.Popen[bytes]", Path]:
        """Start a writer of `events` in total, distributed over the partners round-robin.

        `batch` of them share a commit.
        """
        number = -(-events // len(STATES))
        orders = [(new_id(), partners[index % len(partners)]) for index in range(number)]
        store_orders(self.postgres.url(user=SUPERUSER), orders)
        file = self.directory / f"committed-{new_id()}"
        writer = self._spawn("bench.webhooks.writer", stdin=subprocess.PIPE)
        work = Work(
            database_url=self.postgres.url(user="swapgate_settlement"),
            orders=orders,
            rate=rate,
            file=str(file),
            batch=batch,
        )
        assert writer.stdin is not None  # noqa: S101  it is a pipe
        writer.stdin.write(msgspec.json.encode(work))
        writer.stdin.close()
        return writer, file

    def sql(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Run a statement as the tables' owner."""
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    async def _store(self, partners: Sequence[Partner]) -> None:
        admin = Database(self.postgres.url(user="swapgate_admin"), size=2)
        keyring = load_keyring(self.directory / "keyring.json")
        try:
            for partner in partners:
                credentials = Credentials(partner.api_key, "a" * 43, SECRET)
                now = SystemClock().now()
                await create_partner(admin, keyring, partner, credentials, now=now)
        finally:
            admin.close()

    def _spawn(
        self, module: str, *arguments: str, stdin: int = subprocess.DEVNULL
    ) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdin=stdin, stdout=subprocess.PIPE
        )
        self._stack.callback(_end, process)
        return process

    def _end_delivery(self) -> None:
        for process in self.delivery:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
