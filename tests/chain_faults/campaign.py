"""Batches of orders, each brought to its end while settlement is killed repeatedly."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from tests.chain_faults.books import Books
from tests.chain_faults.faults import Kills
from tests.chain_faults.kinds import WayOut, planned
from tests.chain_faults.node_faults import NodeFaults
from tests.chain_faults.placed import PlacedOrder, deviation, pay, place
from tests.chain_faults.runbook import Runbook
from tests.support.chains.world import World
from tests.support.waiting import wait_until

Condition = Callable[[], bool]

BATCH: Final = 10
KILLS_A_BATCH: Final = 4
NODE_FAULTS_A_BATCH: Final = 2
ATTENDING: Final = 50
"""How often a state is read between two looks of the operator at the orders."""
DEADLINE: Final = 300
"""Seconds in which a batch must reach its next kill or its end."""
SPIKE: Final = 150 * 10**9
"""The base fee during a spike, in wei per gas: a plain payout then costs above its bound."""


class Campaign:
    """Orders of all kinds in an order that derives from a seed, as do the kills."""

    def __init__(self, world: World, *, seed: int) -> None:
        self._world = world
        self._random = Random(seed)
        self._kills = Kills(world, self._random)
        self._faults = NodeFaults(world, self._random)
        self._runbook = Runbook(world)
        self._books = Books(world)
        self.placed: list[PlacedOrder] = []

    def run(self, orders: int) -> None:
        """Run this many orders to their final states."""
        kinds = planned(self._random, orders)
        for start in range(0, orders, BATCH):
            batch = kinds[start : start + BATCH]
            self._batch([place(self._world, kind, self._random) for kind in batch])
        self._wait_ended(self.placed)

    def _batch(self, batch: Sequence[PlacedOrder]) -> None:
        self.placed += batch
        kinds = [order.kind for order in batch]
        for order in batch:
            pay(order)
        first = self._kills.hold(kinds)  # before the deposit is confirmed: nothing is sent yet
        self._mine(batch)
        for order in batch:
            if order.kind.refund:
                order.swap.until("EMERGENCY")
                request = {"id": order.swap.id, "token": order.swap.token, "choice": "REFUND"}
                assert self._world.partner.call("/emergency", request).data is True
        self._kill_when(first, batch)
        for _ in range(NODE_FAULTS_A_BATCH):
            self._faults.perform(lambda is_reached: self._attend_until(is_reached, batch))
        for _ in range(KILLS_A_BATCH - 1):
            self._kill_when(self._kills.hold(kinds), batch)
        self._wait_ended(batch)

    def _kill_when(self, prepared: tuple[str, Condition], batch: Sequence[PlacedOrder]) -> None:
        """Kill settlement once it reaches a step, unless all orders end first."""
        _, is_reached = prepared
        self._attend_until(is_reached, batch)
        self._kills.end(prepared)

    def _wait_ended(self, orders: Sequence[PlacedOrder]) -> None:
        self._attend_until(lambda: False, orders)

    def _attend_until(self, is_reached: Condition, orders: Sequence[PlacedOrder]) -> bool:
        """Let the operator work and blocks be mined until a state is reached, or all has ended.

        Return whether the state is reached.
        """
        checks = itertools.count(1)

        def is_over() -> bool:
            if is_reached():
                return True
            if next(checks) % ATTENDING:
                return False
            self._runbook.attend(orders)
            self._mine(orders)
            return not self._books.open_orders(orders)

        wait_until(is_over, seconds=DEADLINE, context=lambda: self._state(orders))
        return is_reached()

    def _mine(self, orders: Sequence[PlacedOrder]) -> None:
        """Mine on both networks, at a high fee until the operator has raised an order's bound."""
        self._world.litecoind.mine(2)
        if any(self._is_in_spike(order) for order in orders):
            self._world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(SPIKE))
        self._world.anvil.mine(2)

    def _is_in_spike(self, order: PlacedOrder) -> bool:
        is_waiting = order.swap.id not in self._runbook.raised
        return (
            order.way_out is WayOut.RAISE_BOUND
            and is_waiting
            and self._books.open_orders([order]) > 0
        )

    def _state(self, orders: Sequence[PlacedOrder]) -> str:
        lines = (
            f"{order.swap.id} {order.kind} {order.way_out.value}: {order.swap.now()['status']}"
            for order in orders
        )
        return "\n".join((*lines, *self._runbook.rejected[-5:], self._world.log()))

    def verdict(self) -> dict[str, Any]:
        """Compare what recipients received with what is due, and the books with the nodes."""
        wrong = [one for order in self.placed if (one := deviation(order)) is not None]
        kills = self._kills.performed
        return {
            "orders": len(self.placed),
            "ended": len(self.placed) - self._books.open_orders(self.placed),
            "ends": dict(sorted(Counter(order.end.value for order in self.placed).items())),
            "hostile": dict(
                sorted(Counter(one.kind.hostile for one in self.placed if one.kind.hostile).items())
            ),
            "kills": kills.total(),
            "killsByStep": dict(sorted(kills.items())),
            "nodeFaults": dict(sorted(self._faults.performed.items())),
            "operator": dict(sorted(self._runbook.typed.items())),
            "rejectedCommands": len(self._runbook.rejected),
            "differences": [*wrong, *self._books.differences(self.placed)],
        }
