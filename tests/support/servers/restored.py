"""A live installation whose database is restored, restarted and put back, and its processes."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import msgspec
import pytest

from domain.chains.transfers import Transfer
from domain.errors import Unavailable
from domain.history import DatabaseOnHold
from domain.orders.order import LIFETIME
from feeds.settlement.addresses.refill import PoolRefill, add_addresses
from feeds.settlement.deposits.deposit_recorder import DepositRecorder
from feeds.settlement.deposits.ports import WatchPorts
from feeds.settlement.history import HistoryWatch
from gateway.runtime.clock import SystemClock, new_id
from persistence.embedded.access import SUPERUSER
from persistence.embedded.postgres import EmbeddedPostgres
from persistence.postgres.chains.chains import PostgresChainRepository
from persistence.postgres.chains.pay_in.pool import PostgresAddressPool
from persistence.postgres.history import PostgresDatabaseHistory
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.orders import PostgresOrderRepository
from persistence.postgres.pool import Database
from persistence.valkey.connection.client import connect
from persistence.valkey.history import read_marker, write_marker
from tests.conftest import SWAPGATE, DatabaseUrls
from tests.support.builders.records import new_order, stored_partner
from tests.support.chains.world import ethereum_account
from tests.support.clients.operator_command import TOKEN_HASH, Operator, with_database

NETWORK = "Ethereum"
WHY = ("--reason", "restored the backup of 03:00")


def urls_of(postgres: EmbeddedPostgres, database: str) -> DatabaseUrls:
    roles = ("admin", "gateway", "settlement")
    return DatabaseUrls(
        owner=postgres.url(database=database),
        superuser=postgres.url(user=SUPERUSER, database=database),
        **{role: postgres.url(user=f"swapgate_{role}", database=database) for role in roles},
    )


class Installation:
    """A live installation with an account of Ethereum, and the work of its processes."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        operator.json("pay-in", "set", NETWORK, ethereum_account())

    def settle(self) -> None:
        """Run settlement: confirm the history, then fill the pool. Raises DatabaseOnHold."""

        async def work(settlement: Database) -> None:
            valkey = connect(self.operator.valkey_url)
            watch = HistoryWatch(
                PostgresDatabaseHistory(settlement),
                read_marker=lambda: read_marker(valkey),
                write_marker=lambda marker: write_marker(valkey, marker),
            )
            try:
                await watch.until_confirmed(wait=False)
                pool = PostgresAddressPool(settlement)
                await PoolRefill(pool, clock=SystemClock(), to_thread=asyncio.to_thread).round()
                await watch.round()
            finally:
                await valkey.aclose()

        with_database(self.operator.urls.settlement, work)

    def create(self, count: int) -> set[str]:
        """Create orders, as a gateway does; return their pay-in addresses."""

        async def partners(admin: Database) -> Any:
            return await stored_partner(admin)

        async def work(gateway: Database) -> set[str]:
            catalogue, now = await read_catalogue(gateway), datetime.now(UTC)
            changes = {
                "source": catalogue.assets["eth"],
                "source_amount": 10**7,
                "created_at": now,
                "updated_at": now,
                "expires_at": now + LIFETIME,
            }
            orders = PostgresOrderRepository(gateway, lambda: catalogue)
            opened = await asyncio.gather(
                *(
                    orders.open(
                        new_order(partner, catalogue, id=new_id(), **changes),
                        token_hash=TOKEN_HASH,
                        idempotency=None,
                    )
                    for _ in range(count)
                )
            )
            return {one.order.pay_in_address for one in opened}

        partner = with_database(self.operator.urls.admin, partners)
        return with_database(self.operator.urls.gateway, work)

    def refuses_creates(self) -> bool:
        try:
            self.create(1)
        except Unavailable as error:
            return "no free pay-in address" in str(error)
        return False

    def use(self, urls: DatabaseUrls) -> None:
        """Have everything use another database, and the same Valkey."""
        directory = self.operator.data_dir.parent / uuid4().hex
        directory.mkdir()
        self.operator = Operator(urls, self.operator.valkey, directory / "instance", sandbox=False)

    def problem(self) -> str:
        with pytest.raises(DatabaseOnHold) as raised:
            self.settle()
        return str(raised.value)

    def deal_with_restore(self, *arguments: str) -> dict[str, dict[str, object]]:
        done = self.operator.json("pay-in", "restored", *WHY, *arguments)
        return {one["network"]: one for one in done["networks"]}

    def health(self) -> dict[str, object]:
        done = self.operator.run("doctor", "--json")
        checks = msgspec.json.decode(done.stdout)["checks"]
        return next(one for one in checks if one["name"] == "database-history")

    def free_addresses(self) -> set[str]:
        rows = self.operator.sql(
            "SELECT address FROM pay_in_addresses WHERE network = %s AND order_id IS NULL", NETWORK
        )
        return {address for (address,) in rows}

    def next_index(self) -> int:
        ((index,),) = self.operator.sql(
            "SELECT next_index FROM pay_in_accounts WHERE network = %s", NETWORK
        )
        return int(index)

    def use_up_the_pool(self) -> None:
        """Have orders get all free addresses."""
        self.create(len(self.free_addresses()))

    def derive_from_the_start(self) -> None:
        """Set the account's index back, as `pay-in set` does, and derive again."""
        index = self.next_index()
        self.operator.sql("UPDATE pay_in_accounts SET next_index = 0")

        async def work(settlement: Database) -> None:
            pool = PostgresAddressPool(settlement)
            (stored,) = await pool.accounts()
            await add_addresses(pool, stored, 100, to_thread=asyncio.to_thread)

        with_database(self.operator.urls.settlement, work)
        self.operator.sql("UPDATE pay_in_accounts SET next_index = %s", index)

    def pay(self, address: str) -> str:
        """Have a payment of 50 USDT found in a block, as settlement records it; return its id."""
        transfer = Transfer("0x" + uuid4().hex * 2, address, "usdt_erc20", 50 * 10**6)

        async def work(settlement: Database) -> None:
            catalogue = await read_catalogue(settlement)
            chains = PostgresChainRepository(settlement, lambda: catalogue)
            recorder = DepositRecorder(
                WatchPorts(
                    network=NETWORK,
                    nodes=cast("Any", None),
                    settlement=cast("Any", None),
                    chains=chains,
                    drop_after=timedelta(minutes=10),
                )
            )
            expected = await recorder.expected([transfer])
            await recorder.record(transfer, expected[address], since=None)

        with_database(self.operator.urls.settlement, work)
        return transfer.tx_id

    def confirm_deposits(self) -> None:
        self.operator.sql("UPDATE unclaimed_deposits SET confirmed_at = now()")

    def differences(self) -> list[dict[str, object]]:
        done = self.operator.run("reconcile", "--json")
        return list(msgspec.json.decode(done.stdout)["differences"])

    def start_settlement(self, *options: str) -> "subprocess.Popen[str]":
        directory = ("--data-dir", str(self.operator.data_dir))
        return subprocess.Popen(
            [*SWAPGATE, "settlement", *directory, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
