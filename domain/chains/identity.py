"""What tells one chain from every other, as far as its nodes can report it."""

import msgspec

from domain.chains.transfers import Block


class ChainIdentity(msgspec.Struct, frozen=True):
    """An EVM network's chain id (EIP-155), and blocks that only this chain contains.

    Block 0 is the genesis block. Chains that split share it, so a later block tells them apart.
    """

    chain_id: int | None = None
    blocks: tuple[Block, ...] = ()

    def difference(self, reported: "ChainIdentity") -> str | None:
        """Return how the chain that a node reports differs from this one; None if it does not.

        `reported` contains the blocks at the same heights, in the same order.
        """
        if reported.chain_id != self.chain_id:
            return f"its chain id is {reported.chain_id}, not {self.chain_id}"
        for expected, found in zip(self.blocks, reported.blocks, strict=True):
            if found != expected:
                return f"its block {found.height} is {found.hash}, not {expected.hash}"
        return None


def genesis(block_hash: str) -> ChainIdentity:
    """Return the identity of a chain without a chain id that its genesis block tells apart."""
    return ChainIdentity(blocks=(Block(0, block_hash),))
