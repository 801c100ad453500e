"""What an EVM node reports of its chain and of token contracts, compared with the settings."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from domain.chains.identity import ChainIdentity
from domain.chains.transfers import Block
from feeds.settlement.chains.evm.assets import EvmAsset
from feeds.settlement.chains.evm.settings import EvmSettings
from feeds.settlement.chains.evm.transaction import keccak
from feeds.settlement.chains.identity_check import IdentityCheck
from feeds.settlement.chains.interface import Chain, NodeRejected, NodeUnavailable
from feeds.settlement.chains.rpc import Rpc

DECIMALS: Final = "0x313ce567"
"""The selector of ERC-20's decimals()."""

_WORD = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


def identity_check(
    rpc: Rpc, chain: Chain[EvmSettings], tokens: Sequence[EvmAsset] = ()
) -> IdentityCheck:
    """Return the check of a connection: its chain, then the contracts of `tokens`."""
    return IdentityCheck(rpc, chain.network.name, _difference(rpc, chain.identity, tokens))


def _difference(
    rpc: Rpc, identity: ChainIdentity, tokens: Sequence[EvmAsset]
) -> Callable[[], Awaitable[str | None]]:
    async def find() -> str | None:
        difference = identity.difference(await _reported(rpc, identity))
        for token in tokens:
            difference = difference or await _token_difference(rpc, token)
        return difference

    return find


async def _reported(rpc: Rpc, identity: ChainIdentity) -> ChainIdentity:
    chain_id, blocks = int(await rpc.call("eth_chainId"), 16), []
    for expected in identity.blocks:
        block = await rpc.call("eth_getBlockByNumber", hex(expected.height), False)
        if block is None:
            raise NodeUnavailable(f"{rpc.name} does not have block {expected.height}")
        blocks.append(Block(expected.height, str(block["hash"]).lower()))
    return ChainIdentity(chain_id, tuple(blocks))


async def _token_difference(rpc: Rpc, token: EvmAsset) -> str | None:
    """Return how a token's contract differs from its settings: code, and decimals (ERC-20)."""
    if token.contract is None:
        return None
    code = bytes.fromhex((await rpc.call("eth_getCode", token.contract, "latest"))[2:])
    if not code:
        return f"there is no contract of {token.code} at {token.contract}"
    code_hash = "0x" + keccak(code).hex()
    if token.code_hash not in (None, code_hash):
        return f"the code of {token.code} has the hash {code_hash}, not {token.code_hash}"
    decimals = await _decimals(rpc, token.contract)
    if decimals != token.decimals:
        stated = "no" if decimals is None else str(decimals)
        return f"the contract of {token.code} states {stated} decimals, not {token.decimals}"
    return None


async def _decimals(rpc: Rpc, contract: str) -> int | None:
    """Return a contract's decimals; None if it does not state them."""
    try:
        result = str(await rpc.call("eth_call", {"to": contract, "data": DECIMALS}, "latest"))
    except NodeRejected as error:
        if "revert" in str(error):
            return None
        raise
    return int(result, 16) if _WORD.fullmatch(result) else None
