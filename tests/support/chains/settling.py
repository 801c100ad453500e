"""A settlement process whose chain is a directory, to be killed, paused, or given a wrong clock."""

import asyncio
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from domain.actions.orders.ports import SettlementPorts
from domain.assets import Asset
from domain.chains.outflows import NetworkCoin, Outflow
from domain.market.rates import RateSnapshot
from feeds.loop import poll_forever
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable, Prepared, Signed
from feeds.settlement.payouts.leadership import Leadership
from feeds.settlement.payouts.payouts import Payouts
from feeds.settlement.payouts.ports import CostLimits, PayoutPorts
from gateway.runtime.clock import SystemClock, new_id
from gateway.runtime.market import LiveMarket
from persistence.postgres.chains.attempts import PostgresAttemptRepository
from persistence.postgres.chains.leases import PostgresLeaseRepository
from persistence.postgres.chains.outflows import PostgresOutflowRepository
from persistence.postgres.market.catalogue import read_catalogue
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.pool import Database

NETWORK = "Tron"
ASSET = "usdt_trc20"
USD = 10**18


class ShiftedClock:
    """A clock that is wrong by a constant."""

    def __init__(self, shift: float) -> None:
        self._shift = timedelta(seconds=shift)

    def now(self) -> datetime:
        return SystemClock().now() + self._shift


class ReliableWatch:
    """A chain whose nodes agree, and which has every deposit."""

    async def is_reliable(self) -> bool:
        return True

    async def is_confirmed(self, *_: object) -> bool:
        return True


class OneConfirmation:
    """A network that needs one block."""

    async def required_confirmations(self, _: str) -> Mapping[str, int]:
        return {ASSET: 1, "btc": 1}


class DirectoryWallet:
    """A wallet on a chain of files: one per nonce, with the one transaction that was accepted.

    Each signature is another transaction. `sign` waits while the file `hold-<holder>` exists.
    """

    coin = NetworkCoin("USDT", 6)

    def __init__(self, directory: Path, holder: str) -> None:
        self._directory = directory
        self._holder = holder

    async def check_identity(self) -> None:
        pass

    async def addresses(self) -> Collection[str]:
        return ()

    async def prepare(self, outflow: Outflow, *, max_cost: int) -> Prepared:  # noqa: ARG002
        return Prepared(len(list(self._directory.glob("nonce-*"))), max_cost=0)

    async def reserve(self, unbroadcast: Sequence[Outflow]) -> None:
        pass

    async def sign(self, outflow: Outflow, *, max_cost: int) -> Signed:  # noqa: ARG002
        tx_id = f"{self._holder}-{uuid4().hex}"
        self._log("signed", f"{outflow.order_id} {outflow.nonce} {tx_id}")
        while (self._directory / f"hold-{self._holder}").exists():  # noqa: ASYNC110  a file
            await asyncio.sleep(0.02)
        self._log("released", tx_id)
        return Signed(f"{outflow.nonce:04x}", tx_id)

    async def broadcast(self, signed: Signed) -> None:
        self._log("broadcast", signed.tx_id)
        path = self._directory / f"nonce-{signed.raw}"
        try:
            with path.open("x") as accepted:
                accepted.write(signed.tx_id)
        except FileExistsError:
            if path.read_text() != signed.tx_id:
                self._log("conflicts", signed.tx_id)
                raise NodeRejected("broadcast", -1, "nonce too low") from None

    async def is_known(self, tx_id: str) -> bool:
        return any(one.read_text() == tx_id for one in self._directory.glob("nonce-*"))

    async def depth(self, tx_id: str) -> int:
        return int(await self.is_known(tx_id))

    async def raise_fee(self, outflow: Outflow, stuck: str, *, max_cost: int) -> Signed:  # noqa: ARG002
        raise NodeUnavailable("no fee is raised within a test")

    async def void(self, outflow: Outflow) -> Signed:  # noqa: ARG002
        raise NodeUnavailable("nothing is voided within a test")

    async def has_failed(self, tx_id: str) -> bool:  # noqa: ARG002
        return False

    async def is_spent_from(self, tx_id: str) -> bool:  # noqa: ARG002  the protocol's
        return False

    async def has_paid(self, outflow: Outflow, tx_id: str) -> bool:  # noqa: ARG002
        return await self.is_known(tx_id)

    async def fee_paid(self, tx_id: str) -> int:  # noqa: ARG002  the protocol's
        return 0

    async def typical_fee(self, asset: Asset) -> int | None:  # noqa: ARG002  the protocol's
        return None

    async def close(self) -> None:
        pass

    def _log(self, name: str, line: str) -> None:
        with (self._directory / name).open("a") as log:
            log.write(f"{line}\n")


async def settle(
    url: str, directory: Path, *, holder: str, lease_seconds: float, shift: float
) -> None:
    database = Database(url, size=4)
    market = LiveMarket()
    market.adopt_catalogue(await read_catalogue(database))
    at = SystemClock().now().timestamp()
    market.adopt_snapshot(RateSnapshot(at=at, prices={"BTC": 62_500 * USD, "USDT": USD}))
    leases = PostgresLeaseRepository(database, lease_time=timedelta(seconds=lease_seconds))
    leadership = Leadership(leases, network=NETWORK, holder=holder)
    catalogue = market.catalogue
    watch = cast("Any", ReliableWatch())
    payouts = Payouts(
        PayoutPorts(
            network=NETWORK,
            wallet=DirectoryWallet(directory, holder),
            watches={NETWORK: watch, "Bitcoin": watch},
            settlement=SettlementPorts(
                clock=ShiftedClock(shift),
                market=market,
                orders=PostgresSettlementOrderRepository(database, lambda: catalogue),
                new_id=new_id,
            ),
            chains=cast("Any", OneConfirmation()),
            outflows=PostgresOutflowRepository(
                database, lambda: catalogue, lease=leadership.lease_of_round
            ),
            leadership=leadership,
            attempts=PostgresAttemptRepository(database, lease=leadership.lease_of_round),
            cost_limits=CostLimits(multiple=3, min_usd=USD),
            raise_fee_after=timedelta(hours=24),
        )
    )
    async with asyncio.TaskGroup() as group:
        renewal = lease_seconds * 0.3
        group.create_task(poll_forever("lease", leadership.keep, every_seconds=renewal))
        group.create_task(poll_forever("payouts", payouts.round, every_seconds=0.05))


if __name__ == "__main__":
    url, directory, holder, lease_seconds, shift = sys.argv[1:]
    asyncio.run(
        settle(
            url,
            Path(directory),
            holder=holder,
            lease_seconds=float(lease_seconds),
            shift=float(shift),
        )
    )
