"""A simulated chain of accounts: nonces, gas at a price that rises and falls, and contracts."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from random import Random
from typing import Final

from tests.simulation.chains.chain import Chain, Receipt, Tx

COIN_GAS: Final = 21_000
TOKEN_GAS: Final = 60_000
BURNED_GAS: Final = 21_700_000
"""What a hostile `receive()` may use: most of a block."""
GWEI: Final = 10**9


class Behavior(StrEnum):
    """What the code at an address does with what it receives."""

    REVERTS = "reverts"
    REVERTS_WHEN_MINED = "reverts when mined"
    BURNS_GAS = "burns gas"
    RETURNS_FALSE = "returns false"
    """Of a token: the transaction succeeds, and moves nothing."""

    @property
    def is_of_token(self) -> bool:
        """Return whether a token's contract behaves so, not the recipient's."""
        return self is Behavior.RETURNS_FALSE


class AccountChain(Chain):
    """Keys are `sender/nonce`; a nonce follows the one before it."""

    def __init__(
        self, network: str, *, coin: str, random: Random, now: Callable[[], datetime]
    ) -> None:
        super().__init__(network, coin=coin, decimals=18, random=random, price=20 * GWEI, now=now)
        self.behavior: dict[str, Behavior] = {}

    def gas_of(self, recipient: str, asset: str, *, mined: bool) -> tuple[int, bool]:
        """Return the gas that a payment uses, and whether it succeeds."""
        is_coin = asset == self.coin
        plain = COIN_GAS if is_coin else TOKEN_GAS
        behavior = self.behavior.get(recipient) if is_coin else None
        if behavior is Behavior.BURNS_GAS:
            return BURNED_GAS, True
        if behavior is Behavior.REVERTS or (behavior is Behavior.REVERTS_WHEN_MINED and mined):
            return plain + 5_000, False
        return plain, True

    def corrupt(self, address: str, asset: str, behaviors: Sequence[Behavior]) -> None:
        """Let the code at an address, or a token's for it, behave in one of these ways."""
        able = [one for one in behaviors if one.is_of_token == (asset != self.coin)]
        if able:
            self.behavior[address] = self._random.choice(able)

    def execute(self, tx: Tx, height: int) -> Receipt:
        """See Chain. The fee limits the gas: without enough of it the payment fails."""
        (address, asset, _), *_ = tx.outputs
        gas, succeeded = self.gas_of(address, asset, mined=True)
        limit = tx.fee // tx.price
        price = min(self.price, tx.price)
        if gas > limit:
            gas, succeeded = limit, False
        is_false = asset != self.coin and self.behavior.get(address) is Behavior.RETURNS_FALSE
        transfers = tx.transfers() if succeeded and not is_false else ()
        return Receipt(height, succeeded=succeeded, transfers=transfers, fee=gas * price)

    def can_spend(self, tx: Tx, spent: Mapping[str, str], created: Mapping[str, object]) -> bool:  # noqa: ARG002
        """See Chain: the nonce before must be used."""
        (key,) = tx.spends
        sender, nonce = key.rsplit("/", 1)
        return int(nonce) == 0 or f"{sender}/{int(nonce) - 1}" in spent

    def may_follow(self, tx: Tx, spent: Mapping[str, str], created: Mapping[str, object]) -> bool:  # noqa: ARG002
        """See Chain: a nonce may wait for the ones before it."""
        return True

    def depends(self, tx: Tx, on: Tx) -> bool:  # noqa: ARG002
        """See Chain: a later nonce stays in the mempool, and waits."""
        return False

    def submit(self, tx: Tx) -> str | None:
        """See Chain. A later nonce is accepted before the ones that it follows."""
        if tx.id in self.mempool or tx.id in self.tip.receipts:
            return None
        self.known[tx.id] = tx
        if any(key in self.tip.spent for key in tx.spends):
            return "nonce too low"
        for rival in [one for one in self.mempool.values() if one.spends & tx.spends]:
            if tx.price * 100 < rival.price * 110:
                return "replacement transaction underpriced"
            del self.mempool[rival.id]
        self.mempool[tx.id] = tx
        return None

    def next_nonce(self, sender: str, spent: Mapping[str, str], *, pending: bool) -> int:
        """Return the first nonce that is in no block, or in none and not pending."""
        waiting = {key for tx in self.mempool.values() for key in tx.spends} if pending else set()
        nonce = 0
        while f"{sender}/{nonce}" in spent or f"{sender}/{nonce}" in waiting:
            nonce += 1
        return nonce
