"""Orders on real chains while settlement is killed at every step: `python -m tests.chain_faults`.

Each order's recipient must get the order's amount, by one transaction, and the ledger must be
consistent. The orders and where settlement is killed derive from a seed.
"""

import argparse
import itertools
import json
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from feeds.settlement.chains.evm.addresses import checksummed
from tests.support.chains.node_proxy import NodeProxy
from tests.support.chains.nodes import main_address, regtest_address
from tests.support.chains.swap import Swap
from tests.support.chains.world import DEADLINE, World
from tests.support.waiting import wait_until

BATCH: Final = 4
KILLS_A_BATCH: Final = 3
MAX_CALLS: Final = 40
"""How many calls to nodes settlement makes at most before a kill at a random moment."""


class Step(msgspec.Struct, frozen=True):
    """Where settlement is killed: before or after a call to a node of one of the networks."""

    name: str
    evm: str
    litecoin: str
    after: bool = False


STEPS: Final = (
    Step("before an outflow is created", "eth_estimateGas", "getbalance"),
    Step("between creation and signature", "eth_chainId", "fundrawtransaction"),
    Step("during signing", "", "signrawtransactionwithwallet", after=True),
    Step("after the signature", "eth_sendRawTransaction", "sendrawtransaction"),
    Step("after the broadcast", "eth_sendRawTransaction", "sendrawtransaction", after=True),
)
ANYWHERE: Final = "anywhere"


class Kind(msgspec.Struct, frozen=True):
    """The assets and amounts of an order; `paid` differs from `amount` if it is to be refunded."""

    source: str
    destination: str
    amount: str
    paid: str
    refund: bool = False

    @property
    def leaves_on_litecoin(self) -> bool:
        return (self.source if self.refund else self.destination) == "ltc"


PAYOUTS: Final = (
    Kind("ltc", "eth", "2", "2"),
    Kind("ltc", "usdt_erc20", "2", "2"),
    Kind("usdt_erc20", "ltc", "150", "150"),
)
REFUNDS: Final = (
    Kind("ltc", "eth", "2", "0.005", refund=True),
    Kind("usdt_erc20", "ltc", "150", "6000", refund=True),
)


class PlacedOrder(msgspec.Struct, frozen=True):
    """An order, and the addresses that may receive its funds."""

    swap: Swap
    kind: Kind
    refund_address: str

    def has_ended(self) -> bool:
        return bool(self.swap.now()["status"] == ("EXPIRED" if self.kind.refund else "DONE"))


class Campaign:
    """Batches of orders, each paid out or refunded, while settlement is killed repeatedly."""

    def __init__(self, world: World, *, seed: int) -> None:
        self._world = world
        self._random = Random(seed)
        self._sent_before = self._evm_count()
        self.placed: list[PlacedOrder] = []
        self.kills: Counter[str] = Counter()

    def run(self, orders: int) -> None:
        """Run this many orders to their final states."""
        while len(self.placed) < orders:
            refunds = self._random.random() < 0.35
            kinds = REFUNDS if refunds else PAYOUTS
            size = min(BATCH, orders - len(self.placed))
            self._batch([self._random.choice(kinds) for _ in range(size)])

    def _batch(self, kinds: Sequence[Kind]) -> None:
        batch = [self._open(kind) for kind in kinds]
        self.placed += batch
        for order in batch:
            self._pay(order)
        first = self._hold(kinds)  # before the deposit is confirmed: nothing has been sent yet
        self._mine()
        for order in batch:
            if order.kind.refund:
                order.swap.until("EMERGENCY")
                request = {"id": order.swap.id, "token": order.swap.token, "choice": "REFUND"}
                assert self._world.partner.call("/emergency", request).data is True
        self._kill_when(first, batch)
        for _ in range(KILLS_A_BATCH - 1):
            self._kill_when(self._hold(kinds), batch)
        self._world.until(lambda: all(order.has_ended() for order in batch))
        self._mine()

    def _open(self, kind: Kind) -> PlacedOrder:
        world = self._world
        refund = (
            main_address(world.litecoind.address("user"))
            if kind.source == "ltc"
            else checksummed("0x" + secrets.token_hex(20))
        )
        swap = world.open(kind.source, kind.destination, kind.amount, refundAddress=refund)
        return PlacedOrder(swap, kind, refund)

    def _pay(self, order: PlacedOrder) -> None:
        if order.kind.source == "ltc":
            order.swap.pay_litecoin(order.kind.paid)
        else:
            amount = int(Decimal(order.kind.paid).scaleb(6))
            self._world.anvil.send_token(self._world.token, order.swap.pay_in, amount)

    def _mine(self) -> None:
        self._world.litecoind.mine(2)
        self._world.anvil.mine(2)

    def _hold(self, kinds: Sequence[Kind]) -> tuple[str, Callable[[], bool]]:
        """Prepare the next kill; return its name and a function that tests if it is reached."""
        world, kind = self._world, self._random.choice(kinds)
        step = self._random.choice((*STEPS, None))
        if step is None:
            proxies, calls = (world.evm, world.ltc), self._random.randrange(MAX_CALLS)
            start = sum(len(proxy.methods) for proxy in proxies)
            return ANYWHERE, lambda: sum(len(proxy.methods) for proxy in proxies) - start >= calls
        proxy, method = (
            (world.ltc, step.litecoin) if kind.leaves_on_litecoin else (world.evm, step.evm)
        )
        name = f"{step.name}, {'refund' if kind.refund else 'payout'}"
        if not method:
            world.signer_hold.touch()
            return name, world.signer_held
        _hold(proxy, method, after=step.after)
        return name, proxy.held.is_set

    def _kill_when(
        self, prepared: tuple[str, Callable[[], bool]], batch: Sequence[PlacedOrder]
    ) -> None:
        """Kill settlement once it reaches a step, unless all orders end first."""
        name, is_reached = prepared
        checks = itertools.count(1)

        def is_reached_or_over() -> bool:
            return is_reached() or (
                next(checks) % 50 == 0 and all(order.has_ended() for order in batch)
            )

        wait_until(is_reached_or_over, seconds=DEADLINE, context=self._world.log)
        if is_reached():
            with suppress(ProcessLookupError):
                self._world.kill_settlement()
            self.kills[name] += 1
        self._world.release()

    def _evm_count(self) -> int:
        sender = self._world.hot_address
        return int(self._world.anvil.call("eth_getTransactionCount", sender, "latest"), 16)

    def wait_settled(self) -> None:
        """Wait until every outgoing transaction has enough confirmations."""
        world = self._world
        open_ones = "SELECT count(*) FROM outflows WHERE settled_at IS NULL"
        world.until(lambda: world.sql(open_ones) == [(0,)])

    def verdict(self) -> dict[str, Any]:
        """Compare what recipients received with what their orders state."""
        exact = sum(self._is_exact(order) for order in self.placed)
        on_evm = sum(not order.kind.leaves_on_litecoin for order in self.placed)
        return {
            "orders": len(self.placed),
            "refunds": sum(order.kind.refund for order in self.placed),
            "kills": self.kills.total(),
            "killsByStep": dict(sorted(self.kills.items())),
            "paidExactlyOnce": exact,
            "transactionsBeyondOrders": self._evm_count() - self._sent_before - on_evm,
            "differences": self._world.differences(),
        }

    def _is_exact(self, order: PlacedOrder) -> bool:
        """Return whether exactly the amount due was received, in one transaction."""
        stated = order.swap.now()
        expected_amount = Decimal(stated["to"]["amount"])
        address, other_address = order.swap.recipient, order.refund_address
        if order.kind.refund:
            fee = Decimal("0.001") if order.kind.source == "ltc" else Decimal("1.5")
            expected_amount, address, other_address = (
                Decimal(order.kind.paid) - fee,
                other_address,
                address,
            )
        asset, other_asset = order.kind.destination, order.kind.source
        if order.kind.refund:
            asset, other_asset = other_asset, asset
        return (
            self._received(asset, address) == (expected_amount, 1)
            and not self._received(other_asset, other_address)[0]
        )

    def _received(self, asset: str, address: str) -> tuple[Decimal, int]:
        """Return what an address received, and in how many transactions if it is on Litecoin."""
        world = self._world
        if asset == "ltc":
            query = (0, True, False, regtest_address(address))
            (received,) = world.litecoind.call("listreceivedbyaddress", *query, wallet="user")
            return Decimal(received["amount"]), len(received["txids"])
        if asset == "eth":
            return Decimal(world.anvil.balance(address)).scaleb(-18), 1
        return Decimal(world.anvil.token_balance(world.token, address)).scaleb(-6), 1


def _hold(proxy: NodeProxy, method: str, *, after: bool) -> None:
    if after:
        proxy.hold_after = method
    else:
        proxy.hold_before = method


def main() -> None:
    """Run a campaign and print its verdict; exit with status 1 if an order was not paid once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sg-chains-") as directory:
        Path(directory).chmod(0o755)  # PostgreSQL runs as another user if this process runs as root
        world = World(Path(directory), external_signer=True)
        try:
            campaign = Campaign(world, seed=arguments.seed)
            campaign.run(arguments.orders)
            campaign.wait_settled()
            verdict = campaign.verdict()
        finally:
            world.close()
    seconds = round(time.monotonic() - began)
    document = {"seed": arguments.seed, **verdict, "seconds": seconds}
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    is_exact = verdict["paidExactlyOnce"] == verdict["orders"]
    if not is_exact or verdict["transactionsBeyondOrders"] or verdict["differences"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
