"""Where settlement is killed: before or after a call to a node of one of the networks."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random
from typing import Final

import msgspec

from tests.chain_faults.kinds import Kind
from tests.support.chains.world import World

ANYWHERE: Final = "anywhere"
MAX_CALLS: Final = 40
"""How many calls to nodes settlement makes at most before a kill at a random moment."""


class Step(msgspec.Struct, frozen=True):
    """A call of settlement: its method on each of the two families of networks."""

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


class Kills:
    """Kills of settlement, each at a step that is held until it is killed."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self.performed: Counter[str] = Counter()

    def hold(self, kinds: Sequence[Kind]) -> tuple[str, Callable[[], bool]]:
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
        if step.after:
            proxy.hold_after = method
        else:
            proxy.hold_before = method
        return name, proxy.held.is_set

    def end(self, prepared: tuple[str, Callable[[], bool]]) -> None:
        """Kill settlement if it has reached its step, and let every call pass again."""
        name, is_reached = prepared
        if is_reached():
            with suppress(ProcessLookupError):
                self._world.kill_settlement()
            self.performed[name] += 1
        self._world.release()
