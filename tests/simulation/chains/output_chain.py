"""A simulated chain of outputs: each is spent once, and a transaction needs those it spends."""

from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random
from typing import Final

from tests.simulation.chains.chain import Chain, Tx

FEE_RATE: Final = 10
"""Smallest units per unit of size, of a transaction that is mined soon."""
INPUT_SIZE: Final = 68
BASE_SIZE: Final = 80
HOT: Final = "hot"
DUST: Final = 5_460
"""The least output that is forwarded, as of Litecoin."""


class OutputChain(Chain):
    """Keys are `tx/index` of outputs; those of `faucet` exist always, for the customers."""

    dust = DUST

    def __init__(
        self, network: str, *, coin: str, random: Random, now: Callable[[], datetime]
    ) -> None:
        super().__init__(network, coin=coin, decimals=8, random=random, price=FEE_RATE, now=now)

    def can_spend(self, tx: Tx, spent: Mapping[str, str], created: Mapping[str, object]) -> bool:  # noqa: ARG002
        """See Chain: what it spends exists."""
        return self.may_follow(tx, {}, created)

    def may_follow(self, tx: Tx, spent: Mapping[str, str], created: Mapping[str, object]) -> bool:  # noqa: ARG002
        """See Chain."""
        parents = (key.rsplit("/", 1)[0] for key in tx.spends)
        return all(parent == "faucet" or parent in created for parent in parents)

    def depends(self, tx: Tx, on: Tx) -> bool:
        """See Chain."""
        return any(key.startswith(f"{on.id}/") for key in tx.spends)

    def is_contradicted(self, tx: Tx) -> bool:
        """Return whether the best branch contains another spend of what a transaction spends."""
        return any(self.tip.spent.get(key, tx.id) != tx.id for key in tx.spends)

    def submit(self, tx: Tx) -> str | None:
        """See Chain. Nodes do not forward dust."""
        if any(amount < self.dust for _, _, amount in tx.outputs):
            return "dust"
        return super().submit(tx)

    def outputs_of(self, owner: str, receipts: Mapping[str, object]) -> dict[str, int]:
        """Return what an owner has on a branch and in the mempool, by key."""
        owned = {}
        for tx_id in {**receipts, **self.mempool}:
            for index, (address, _, amount) in enumerate(self.known[tx_id].outputs):
                if address == owner:
                    owned[f"{tx_id}/{index}"] = amount
        return owned
