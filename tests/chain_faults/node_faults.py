"""Faults of nodes and chains: each is reached at some moment, performed, and then repaired."""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from tests.support.chains.node_proxy import NodeProxy
from tests.support.chains.world import World

CALLS_WHILE_DOWN: Final = 5
OTHER_CHAIN: Final = "0x89"

Attend = Callable[[Callable[[], bool]], bool]
"""Lets time pass until a state is reached; returns False if all orders end first."""


class NodeFaults:
    """One fault at a time, repaired before the next; the operator does the rest."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self.performed: Counter[str] = Counter()
        self._faults: Sequence[tuple[str, Callable[[Attend], bool]]] = (
            ("reorganization of Ethereum removes a payment", self._reorganize_ethereum),
            ("reorganization of Litecoin", self._reorganize_litecoin),
            ("node of another chain", self._other_chain),
            ("node of Ethereum down", lambda attend: self._down(attend, self._world.evm)),
            ("node of Litecoin down", lambda attend: self._down(attend, self._world.ltc_second)),
        )

    def perform(self, attend: Attend) -> None:
        """Perform one of the faults, unless all orders end before its moment."""
        name, fault = self._random.choice(self._faults)
        if fault(attend):
            self.performed[name] += 1

    def _reorganize_ethereum(self, attend: Attend) -> bool:
        """Replace the newest block by an empty one once it has a transaction of the hot wallet."""
        if not attend(self._is_payment_newest):
            return False
        self._world.anvil.reorganize(1)
        return True

    def _is_payment_newest(self) -> bool:
        block = self._world.anvil.call("eth_getBlockByNumber", "latest", True)
        senders = {one["from"].lower() for one in block["transactions"]}
        return senders == {self._world.hot_address.lower()}

    def _reorganize_litecoin(self, _: Attend) -> bool:
        """Replace the newest block by longer ones, with its transactions from the mempool."""
        litecoind = self._world.litecoind
        litecoind.call("invalidateblock", litecoind.call("getbestblockhash"))
        litecoind.mine(2)
        return True

    def _other_chain(self, attend: Attend) -> bool:
        """Have a node report another chain until its own is halted; the operator resumes it."""
        world = self._world

        def alter(method: str, _: list[Any], result: Any) -> Any:
            return OTHER_CHAIN if method == "eth_chainId" else result

        world.evm.alter = alter
        is_halted = attend(lambda: bool(world.chain("Ethereum")["halted"]))
        world.evm.alter = None
        return is_halted

    def _down(self, attend: Attend, proxy: NodeProxy) -> bool:
        begun = len(proxy.methods)
        proxy.is_down = True
        is_noticed = attend(lambda: len(proxy.methods) - begun >= CALLS_WHILE_DOWN)
        proxy.is_down = False
        return is_noticed
