"""The blocks by which a node of Bitcoin's family proves which chain it follows."""

from typing import Final

from domain.chains.identity import ChainIdentity
from domain.chains.transfers import Block
from feeds.settlement.chains.bitcoin.settings import BitcoinSettings
from feeds.settlement.chains.identity_check import IdentityCheck
from feeds.settlement.chains.interface import Chain, NodeRejected, NodeUnavailable
from feeds.settlement.chains.rpc import Rpc

OUT_OF_RANGE: Final = -8
"""Core's error code for a height that its chain has not reached."""


def identity_check(rpc: Rpc, chain: Chain[BitcoinSettings]) -> IdentityCheck:
    """Return the check of a connection."""
    identity = chain.identity

    async def difference() -> str | None:
        blocks = [Block(one.height, await _hash(rpc, one.height)) for one in identity.blocks]
        return identity.difference(ChainIdentity(blocks=tuple(blocks)))

    return IdentityCheck(rpc, chain.network.name, difference)


async def _hash(rpc: Rpc, height: int) -> str:
    try:
        return str(await rpc.call("getblockhash", height))
    except NodeRejected as error:
        if error.code == OUT_OF_RANGE:
            raise NodeUnavailable(f"{rpc.name} does not have block {height} yet") from error
        raise
