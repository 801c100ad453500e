"""The measured servers, all on one machine, each on the cores that a case assigns."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

import msgspec
import psycopg

from bench.calls import ORDER, QUOTE, Call, Partner, encode, succeeded
from bench.limits.golang import build_go_peer
from bench.limits.peer import write_config
from bench.processes import Server, free_port, python, running
from domain.assets import Pair
from gateway.instance import Instance, ValkeyUser, read_instance
from persistence.embedded.access import SUPERUSER
from persistence.embedded.postgres import EmbeddedPostgres
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.pool import Database
from persistence.valkey.admission.controller import SCRIPT

BUDGET: Final = 2_000_000_000
"""Weight budget of the partner that generates load: more than the command allows."""
MARKUP_BPS: Final = 50
ORDERS_TO_READ: Final = 64
SPARE_ADDRESSES: Final = 20_000
"""Generated in addition to the expected number of addresses."""


class Servers:
    """The service with its own PostgreSQL and Valkey, and the servers it is compared with.

    A context manager: all started processes end with it.
    """

    def __init__(self, data_dir: Path | None = None, *, is_up: bool = False) -> None:
        """Use a temporary directory unless `data_dir` is set.

        With `is_up`, `swapgate up` is already running there.
        """
        self._stack = ExitStack()
        self._fixed_data_dir = data_dir
        self._is_up = is_up
        self.up: Server | None = None
        self._started: dict[str, Server] = {}

    def __enter__(self) -> Self:
        """Start the service with all its processes, and create a partner to generate load."""
        temporary = self._stack.enter_context(TemporaryDirectory(prefix="swapgate-bench-"))
        self._directory = Path(temporary)
        self._directory.chmod(0o755)
        self.data_dir = self._fixed_data_dir or self._directory / "data"
        if not self._is_up:
            port = free_port()  # its worker is idle: measured workers are started separately
            up = python("-m", "gateway", "up", "--port", str(port), "--workers", "1")
            up += ["--data-dir", str(self.data_dir)]
            self.up = self._stack.enter_context(running(up, port, ready_at="/readyz"))
        instance = read_instance(self.data_dir)
        if instance is None:
            raise RuntimeError(f"`swapgate up` did not create an instance in {self.data_dir}")
        self.instance: Instance = instance
        self.partner = self._new_partner()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop all processes."""
        self._stack.close()

    def others(self) -> list[int]:
        """Return the processes of the service other than the measured workers."""
        return self.up.pids() if self.up else []

    @property
    def quote(self) -> Call:
        """Return a signed quote."""
        body = encode({**QUOTE, "afftax": MARKUP_BPS})
        return Call("/v1/price", [body], signer=self.partner)

    @property
    def quote_v1(self) -> Call:
        """Return a quote with a signature of version 1, which covers the body only."""
        return msgspec.structs.replace(self.quote, version=1)

    @property
    def firm_quote(self) -> Call:
        """Return a signed firm quote of the same swap."""
        body = encode({**QUOTE, "afftax": MARKUP_BPS})
        return Call("/v1/quote", [body], signer=self.partner)

    @property
    def create(self) -> Call:
        """Return a signed create."""
        return Call("/v1/create", [encode(ORDER)], signer=self.partner, idempotent=True)

    def reads(self, port: int) -> Call:
        """Create a few orders and return a signed call that reads them in turn."""
        bodies = []
        for _ in range(ORDERS_TO_READ):
            order = json.loads(succeeded(port, self.create))["data"]
            bodies.append(encode({"id": order["id"], "token": order["token"]}))
        return Call("/v1/order", bodies, signer=self.partner)

    def ours(
        self,
        name: str = "ours",
        *,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> Server:
        """Return `swapgate serve` with this many workers, started once per name."""
        if name not in self._started:
            port = free_port()
            serve = python("-m", "gateway", "serve", "--port", str(port))
            serve += ["--workers", str(workers), "--metrics-port", "0"]
            serve += ["--data-dir", str(self.data_dir)]
            settings = {"SWAPGATE_UNSIGNED_QUOTES_PER_MINUTE": "0", **(environment or {})}
            self._started[name] = self._stack.enter_context(
                running(serve, port, environment=settings, ready_at="/readyz")
            )
            succeeded(port, self.quote)
        return self._started[name]

    def on_granian(self, app: str, responses: Mapping[str, bytes], *, batch: bool) -> Server:
        """Start one of `bench.limits.apps`, which returns `responses` by path."""
        recorded = self._directory / f"responses-{secrets.token_hex(4)}.json"
        recorded.write_text(json.dumps({path: body.decode() for path, body in responses.items()}))
        port = free_port()
        argv = [
            *(str(Path(sys.executable).with_name("granian")), "--interface", "asgi"),
            *("--factory", f"bench.limits.apps:{app}", "--port", str(port)),
            *("--http", "1", "--no-ws", "--loop", "uvloop", "--log-level", "warning"),
        ]
        environment = {"BENCH_BATCH": str(batch).lower(), "BENCH_RESPONSES": str(recorded)}
        return self._stack.enter_context(running(argv, port, environment=environment))

    def fastapi(self) -> Server:
        """Start the FastAPI peer: one worker, uvloop, httptools."""
        port = free_port()
        argv = python("-m", "uvicorn", "bench.limits.peer:build", "--factory", "--workers", "1")
        argv += ["--port", str(port), "--loop", "uvloop", "--http", "httptools"]
        argv += ["--no-access-log", "--log-level", "warning"]
        return self._stack.enter_context(running(argv, port, environment=self._peer_environment()))

    def go(self) -> Server | None:
        """Start the Go peer on one core, or return None if it cannot be built."""
        program = build_go_peer(self._directory)
        if program is None:
            return None
        port = free_port()
        environment = {**self._peer_environment(), "GOMAXPROCS": "1"}
        return self._stack.enter_context(
            running([str(program), str(port)], port, environment=environment)
        )

    def provide_addresses(self, count: int) -> None:
        """Add artificial pay-in addresses to the pool: deriving this many would take minutes."""
        with psycopg.connect(self.instance.owner_database_url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO pay_in_addresses (network, address, derivation_index)"
                " SELECT 'Bitcoin', 'bench ' || gen_random_uuid(), -n"
                " FROM generate_series(1, %s) AS n",
                (count + SPARE_ADDRESSES,),
            )
            connection.execute("ANALYZE pay_in_addresses")

    @property
    def superuser_url(self) -> str:
        """Return the URL of the superuser, who may fill tables without their triggers."""
        return EmbeddedPostgres(self.data_dir / "postgres").url(user=SUPERUSER)

    def unlimited(self, partner_id: str) -> None:
        """Give a partner the weight budget of one that generates load."""
        with psycopg.connect(self.instance.owner_database_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE partners SET budget = %s WHERE id = %s", (BUDGET, partner_id)
            )

    def durable(self) -> bool:
        """Return whether PostgreSQL waits for the disk."""
        with psycopg.connect(self.instance.owner_database_url) as connection:
            settings = [
                connection.execute(f"SHOW {name}").fetchone()
                for name in ("fsync", "synchronous_commit", "full_page_writes")
            ]
        return settings == [("on",)] * 3

    def _new_partner(self) -> Partner:
        email = f"bench-{secrets.token_hex(4)}@swapgate.example"
        created = self.command("partner", "create", "--email", email)
        self.unlimited(str(created["id"]))
        return Partner(str(created["id"]), str(created["apiKey"]), str(created["apiSecret"]))

    def command(self, *arguments: str) -> dict[str, object]:
        """Run a `swapgate` command and return its JSON output."""
        done = subprocess.run(
            python("-m", "gateway", *arguments, "--json", "--data-dir", str(self.data_dir)),
            check=True,
            capture_output=True,
        )
        printed: dict[str, object] = json.loads(done.stdout)
        return printed

    def _peer_environment(self) -> dict[str, str]:
        pair = asyncio.run(_pair(self.instance.gateway_database_url))
        config = write_config(
            self._directory,
            id=self.partner.id,
            api_key=self.partner.api_key,
            api_secret=self.partner.api_secret,
            budget=BUDGET,
            markup_bps=MARKUP_BPS,
            database_url=self.instance.gateway_database_url,
            valkey_url=self.instance.valkey_urls[ValkeyUser.GATEWAY],
            script=SCRIPT,
            source=msgspec.to_builtins(pair.source),
            destination=msgspec.to_builtins(pair.destination),
            min_usd=str(pair.bounds.min_usd),
            max_usd=str(pair.bounds.max_usd),
        )
        return {"BENCH_PEER": str(config)}


async def _pair(database_url: str) -> Pair:
    """Return the quoted pair, for the Go peer, which cannot read the catalogue."""
    database = Database(database_url, size=2)
    try:
        catalogue = await read_catalogue(database)
    finally:
        database.close()
    return catalogue.pair(QUOTE["fromCcy"], QUOTE["toCcy"])
