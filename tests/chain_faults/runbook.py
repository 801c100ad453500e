"""The operator, who does with orders that cannot be paid what docs/operations.md says."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tests.chain_faults.kinds import WayOut
from tests.chain_faults.placed import PlacedOrder
from tests.support.chains.world import World
from tests.support.clients.command import invoke

REASON: Final = ("--reason", "the recipient does not accept payments")
LIMIT: Final = ("--limit", "1000")
CALM_FEE: Final = 10**9
UNSENT: Final = frozenset({"gas_above_ceiling", "unavailable"})


class Runbook:
    """Reads what orders wait for, and types what brings each of them to its end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.raised: set[str] = set()
        self.typed: Counter[str] = Counter()
        self.rejected: list[str] = []
        self._unsent: Mapping[WayOut, Callable[[PlacedOrder, str], None]] = {
            WayOut.REFUND: self._refund,
            WayOut.CANCEL: self._cancel,
            WayOut.HOLD_AND_REFUND: self._hold_or_refund,
            WayOut.RELEASE: self._repair_and_release,
        }

    def attend(self, orders: Sequence[PlacedOrder]) -> None:
        """Do what the reasons of these orders call for, and resume chains with repaired nodes."""
        self._resume_chains()
        waiting = self._waiting()
        undecided = self._undecided()
        for order in orders:
            if order.swap.id in undecided:
                self._after_failure(order)
            elif reason := waiting.get(order.swap.id):
                self._before_signature(order, reason)

    def _resume_chains(self) -> None:
        if any(proxy.alter for proxy in self._world.proxies):
            return
        for chain in self._world.operate("chain", "list"):
            if chain["halted"]:
                self._type("chain", "resume", chain["network"])

    def _waiting(self) -> Mapping[str, str]:
        listed = self._world.operate("outflow", "list", *LIMIT)
        return {one["order_id"]: one["reason"] for one in listed if one["reason"] is not None}

    def _undecided(self) -> frozenset[str]:
        decisions = ("resend_requested_at", "refund_requested_at", "closed_at")
        voided: list[dict[str, Any]] = self._world.operate("outflow", "voided", *LIMIT)
        return frozenset(
            one["order_id"]
            for one in voided
            if all(one[decision] is None for decision in decisions)
        )

    def _before_signature(self, order: PlacedOrder, reason: str) -> None:
        if reason == "cost_above_bound":
            self._on_high_fees(order)
        elif reason in UNSENT | {"operator"} and order.way_out in self._unsent:
            self._unsent[order.way_out](order, reason)

    def _on_high_fees(self, order: PlacedOrder) -> None:
        """Raise the bound of one order; others wait until the network's fees have fallen."""
        if order.way_out is WayOut.RAISE_BOUND:
            self._type("outflow", "raise-bound", order.swap.id, "100", *REASON)
            self.raised.add(order.swap.id)
            return
        self._world.anvil.call("anvil_setNextBlockBaseFeePerGas", hex(CALM_FEE))
        self._world.anvil.mine()
        self._type("outflow", "release", order.swap.id, *REASON)

    def _after_failure(self, order: PlacedOrder) -> None:
        if order.way_out is WayOut.CLOSE:
            self._type("outflow", "close", order.swap.id, *REASON)
        elif order.way_out is WayOut.RESEND:
            order.repair()
            self._type("outflow", "resend", order.swap.id, *REASON)
        else:
            self._refund(order, "")

    def _refund(self, order: PlacedOrder, _: str) -> None:
        self._type("order", "resolve", order.swap.id, "refund", *REASON)

    def _cancel(self, order: PlacedOrder, _: str) -> None:
        overrule = ("--overrule",) if order.kind.refund else ()
        self._type("order", "resolve", order.swap.id, "cancel", *overrule, *REASON)

    def _hold_or_refund(self, order: PlacedOrder, reason: str) -> None:
        if reason == "operator":
            self._refund(order, reason)
        else:
            self._type("outflow", "hold", order.swap.id, *REASON)

    def _repair_and_release(self, order: PlacedOrder, _: str) -> None:
        order.repair()
        self._type("outflow", "release", order.swap.id, *REASON)

    def _type(self, *arguments: str) -> None:
        """Run a command; one that came too late is typed again if its reason is still there."""
        done = invoke(*arguments, "--json", data_dir=self._world.running.data_dir)
        name = " ".join(arguments[:2])
        if name == "order resolve":
            name += f" {arguments[3]}"
        if done.exit_code == 0:
            self.typed[name] += 1
        else:
            self.rejected.append(f"{name}: {done.stderr.strip()}")
