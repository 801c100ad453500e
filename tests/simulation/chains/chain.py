"""A simulated chain: transactions, blocks with the state after them, a mempool, reorganizations.

A transaction spends keys: a sender's nonce, or outputs of others. Of two that spend the same key a
branch contains one. That is all that accounts and outputs have in common, and all that settlement
relies on.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from random import Random
from typing import Final

import msgspec

from domain.chains.transfers import Transfer

CONFIRMATIONS: Final = 2
"""How deep a transaction is final for settlement: of all assets in these worlds."""
DEEPEST: Final = 3
"""How many blocks a reorganization replaces at most."""


class Tx(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction. `outputs` are address, asset and amount in smallest units of the asset.

    `fee` is what the chain takes at most, in smallest units of the coin (of wei on accounts);
    `price` is what the transaction offers for its size, by which it is chosen and replaced.
    """

    spends: frozenset[str]
    outputs: tuple[tuple[str, str, int], ...]
    price: int
    fee: int
    sender: str
    note: str = ""
    is_internal: bool = False
    """Whether a contract pays inside of it: no list of transactions shows what it transfers."""

    @property
    def id(self) -> str:
        """Return the id: a digest of everything in it."""
        parts = (sorted(self.spends), self.outputs, self.price, self.fee, self.sender, self.note)
        return "0x" + hashlib.sha256(repr(parts).encode()).hexdigest()

    def transfers(self) -> tuple[Transfer, ...]:
        """Return what it transfers to each address if it succeeds, summed up."""
        sums: dict[tuple[str, str], int] = {}
        for address, asset, amount in self.outputs:
            sums[address, asset] = sums.get((address, asset), 0) + amount
        return tuple(Transfer(self.id, *key, amount) for key, amount in sums.items())


class Receipt(msgspec.Struct, frozen=True):
    """What a mined transaction did: whether it succeeded, moved what, and its fee."""

    height: int
    succeeded: bool
    transfers: tuple[Transfer, ...]
    fee: int


class Block(msgspec.Struct, frozen=True):
    """A block, and the state of its branch after it: spent keys and receipts by transaction."""

    height: int
    hash: str
    time: datetime
    path: tuple[str, ...]
    """The hashes of the branch, by height."""
    txs: tuple[Tx, ...]
    spent: Mapping[str, str]
    receipts: Mapping[str, Receipt]


class Chain:
    """All branches of a chain, and the transactions that are in no block of the best one."""

    dust = 0
    """Nodes do not forward an output of less."""

    def __init__(
        self,
        network: str,
        *,
        coin: str,
        decimals: int,
        random: Random,
        price: int,
        now: Callable[[], datetime],
    ) -> None:
        self.network = network
        self.coin = coin
        self.decimals = decimals
        """Of its own coin, in which fees are paid."""
        self.price = price
        """What a transaction must offer to be mined now: the base fee, or the feerate."""
        self.mempool: dict[str, Tx] = {}
        self.known: dict[str, Tx] = {}
        self.submitted: dict[str, datetime] = {}
        """When each transaction entered the mempool for the first time."""
        self.reversed: set[str] = set()
        """What a reorganization removed although it was confirmed: nobody can rely on that."""
        self._now = now
        self._random = random
        self._branches = 0
        genesis = f"{network}-0"
        self.blocks = {genesis: Block(0, genesis, now(), (genesis,), (), {}, {})}
        self.best = genesis

    @property
    def tip(self) -> Block:
        """Return the newest block of the best branch."""
        return self.blocks[self.best]

    def execute(self, tx: Tx, height: int) -> Receipt:
        """Return what a transaction does when it is mined."""
        return Receipt(height, succeeded=True, transfers=tx.transfers(), fee=tx.fee)

    def can_spend(self, tx: Tx, spent: Mapping[str, str], created: Mapping[str, object]) -> bool:
        """Return whether a branch can contain a transaction after what it contains."""
        raise NotImplementedError

    def submit(self, tx: Tx) -> str | None:
        """Accept a transaction into the mempool; return why not."""
        self.known[tx.id] = tx
        if tx.id in self.mempool or tx.id in self.tip.receipts:
            return None
        if any(key in self.tip.spent for key in tx.spends):
            return "it spends what is spent"
        rivals = [one for one in self.mempool.values() if one.spends & tx.spends]
        if any(tx.price * 100 < one.price * 110 for one in rivals):
            return "replacement underpriced"
        pending = {one.id: one for one in self.mempool.values() if one not in rivals}
        if not self.can_spend(
            tx, self._spent_with(pending.values()), {**self.tip.receipts, **pending}
        ):
            return "it spends what does not exist"
        for rival in rivals:
            self.evict(rival.id)
        self.mempool[tx.id] = tx
        self.submitted.setdefault(tx.id, self._now())
        return None

    def evict(self, tx_id: str) -> None:
        """Drop a transaction from the mempool, with those that spend what it creates."""
        dropped = self.mempool.pop(tx_id, None)
        if dropped is None:
            return
        for one in list(self.mempool.values()):
            if self.depends(one, dropped):
                self.evict(one.id)

    def depends(self, tx: Tx, on: Tx) -> bool:
        """Return whether a transaction cannot be mined without another."""
        raise NotImplementedError

    def mine(self, *, exclude: frozenset[str] = frozenset(), empty: bool = False) -> Block:
        """Mine a block of what pays enough, in an order that the chain allows."""
        parent = self.tip
        spent, receipts = dict(parent.spent), dict(parent.receipts)
        height, chosen = parent.height + 1, []
        candidates = [] if empty else self._by_price(exclude)
        progress = True
        while progress:
            progress = False
            for tx in list(candidates):
                if any(key in spent for key in tx.spends):
                    candidates.remove(tx)
                elif self.can_spend(tx, spent, receipts):
                    candidates.remove(tx)
                    chosen.append(tx)
                    spent |= dict.fromkeys(tx.spends, tx.id)
                    receipts[tx.id] = self.execute(tx, height)
                    progress = True
        self._branches += 1
        block_hash = f"{self.network}-{height}-{self._branches}"
        block = Block(
            height,
            block_hash,
            self._now(),
            (*parent.path, block_hash),
            tuple(chosen),
            spent,
            receipts,
        )
        self.blocks[block_hash] = block
        self.best = block_hash
        self._prune()
        return block

    def reorganize(self, depth: int, *, drop: frozenset[str] = frozenset()) -> None:
        """Replace the newest blocks by one more; what they contained is pending again.

        Transactions in `drop` are not: whoever sent them may spend the same again.
        """
        depth = min(depth, self.tip.height)
        removed = [self.blocks[one] for one in self.tip.path[len(self.tip.path) - depth :]]
        confirmed = removed[: max(len(removed) - CONFIRMATIONS + 1, 0)]
        self.reversed |= {tx.id for block in confirmed for tx in block.txs}
        self.best = self.tip.path[-depth - 1]
        for block in removed:
            for tx in block.txs:
                if tx.id not in drop and not any(
                    one.spends & tx.spends for one in self.mempool.values()
                ):
                    self.mempool[tx.id] = tx
        self._prune()
        for _ in range(depth + 1):
            self.mine(empty=self._random.random() < 0.5)

    def heights(self, block_hash: str) -> Iterator[Block]:
        """Yield the blocks of a branch."""
        return (self.blocks[one] for one in self.blocks[block_hash].path)

    def _by_price(self, exclude: frozenset[str]) -> list[Tx]:
        chosen = [
            tx for tx in self.mempool.values() if tx.price >= self.price and tx.id not in exclude
        ]
        return sorted(chosen, key=lambda tx: (-tx.price, tx.id))

    def _prune(self) -> None:
        """Drop what the best branch contains, or contradicts."""
        tip = self.tip
        for tx in list(self.mempool.values()):
            if tx.id in tip.receipts:
                del self.mempool[tx.id]
            elif any(key in tip.spent for key in tx.spends):
                self.evict(tx.id)
        while self._drop_orphans():
            pass

    def _drop_orphans(self) -> bool:
        spent, created = self.tip.spent, {**self.tip.receipts, **self.mempool}
        for tx in list(self.mempool.values()):
            if not self.may_follow(tx, spent, created):
                self.evict(tx.id)
                return True
        return False

    def may_follow(self, tx: Tx, spent: Mapping[str, str], created: Mapping[str, object]) -> bool:
        """Return whether a pending transaction can still be mined some day."""
        raise NotImplementedError

    def _spent_with(self, pending: Iterable[Tx]) -> dict[str, str]:
        spent = dict(self.tip.spent)
        for one in pending:
            spent |= dict.fromkeys(one.spends, one.id)
        return spent
