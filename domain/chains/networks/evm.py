"""Ethereum and other EVM networks: 20 bytes in hex, with the checksum of EIP-55."""

import re
from collections.abc import Mapping
from typing import Final

from bip_utils import EthAddrDecoder, EthAddrEncoder
from bip_utils.utils.crypto import Kekkak256

from domain.chains.identity import ChainIdentity
from domain.chains.network import AccountForm, Network, require
from domain.chains.pay_in import AccountKind
from domain.chains.transfers import Block

FAMILY: Final = "evm"

ANVIL: Final = ("anvil", 31337)
"""The chain of Foundry's development node, which exists on one machine only."""

_SINGLE_CASE = re.compile(r"0x(?:[0-9a-f]{40}|[0-9A-F]{40})", re.ASCII)


def _decode(address: str) -> None:
    """Decode an address of one case, or of both with a correct checksum; not the zero address."""
    single_case = _SINGLE_CASE.fullmatch(address) is not None
    decoded = EthAddrDecoder.DecodeAddr(address, skip_chksum_enc=single_case)
    require(any(decoded))


def checksummed(address: str) -> str:
    """Return an address with its checksum (EIP-55), as derivation writes it."""
    plain = address[2:].lower()
    digest = Kekkak256.QuickDigest(plain.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(check, 16) >= 8 else letter
        for letter, check in zip(plain, digest, strict=False)
    )


class EvmNetwork(Network, frozen=True, kw_only=True):
    """A network whose coin has 18 decimals.

    `has_l1_fee` says whether a transaction also pays for its data on Ethereum, by a contract that
    every chain of the OP Stack has (GasPriceOracle). Arbitrum's gas estimate contains that part.
    """

    has_l1_fee: bool = False

    def canonical(self, address: str) -> str:
        """See Network: with the checksum of EIP-55."""
        return checksummed(address)

    @property
    def internal_coin(self) -> str | None:
        """See Network."""
        return self.coin


def _network(
    name: str,
    *,
    chain: str,
    confirmations: int,
    block_ms: int,
    chain_id: int,
    explorer: str,
    genesis: str,
    test_networks: dict[str, int],
    coin: str = "ETH",
    has_l1_fee: bool = False,
) -> EvmNetwork:
    """Return a network; chain ids are those of EIP-155. `explorer` is of Etherscan's form."""
    return EvmNetwork(
        name=name,
        chain=chain,
        family=FAMILY,
        confirmations=confirmations,
        explorer=f"{explorer}/tx/{{}}",
        block_ms=block_ms,
        address_forms=(_decode,),
        accounts=(AccountForm(kind=AccountKind.BIP44, encode=EthAddrEncoder.EncodeKey),),
        identity=ChainIdentity(chain_id, (Block(0, genesis),)),
        test_networks={name: ChainIdentity(one) for name, one in (*test_networks.items(), ANVIL)},
        coin=coin,
        has_l1_fee=has_l1_fee,
    )


NETWORKS: Final = (
    _network(
        "Ethereum",
        chain="ethereum",
        confirmations=12,
        block_ms=12_000,
        chain_id=1,
        explorer="https://etherscan.io",
        genesis="0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
        test_networks={"sepolia": 11_155_111, "hoodi": 560_048},
    ),
    _network(
        "BNB Smart Chain",
        chain="bnbsmartchain",
        coin="BNB",
        confirmations=15,
        block_ms=750,
        chain_id=56,
        explorer="https://bscscan.com",
        genesis="0x0d21840abff46b96c84b2ac9e10e4f5cdaeb5693cb665db62a2f3b02d2d57b5b",
        test_networks={"testnet": 97},
    ),
    _network(
        "Polygon",
        chain="polygon",
        coin="POL",
        confirmations=64,
        block_ms=2_000,
        chain_id=137,
        explorer="https://polygonscan.com",
        genesis="0xa9c28ce2141b56c474f1dc504bee9b01eb1bd7d1a507580d5519d4437a97de1b",
        test_networks={"amoy": 80_002},
    ),
    _network(
        "Arbitrum",
        chain="arbitrum",
        confirmations=20,
        block_ms=250,
        chain_id=42_161,
        explorer="https://arbiscan.io",
        genesis="0x7ee576b35482195fc49205cec9af72ce14f003b9ae69f6ba0faef4514be8b442",
        test_networks={"sepolia": 421_614},
    ),
    _network(
        "Base",
        chain="base",
        has_l1_fee=True,
        confirmations=20,
        block_ms=2_000,
        chain_id=8_453,
        explorer="https://basescan.org",
        genesis="0xf712aa9241cc24369b143cf6dce85f0902a9731e70d66818a3a5845b296c73dd",
        test_networks={"sepolia": 84_532},
    ),
    _network(
        "Avalanche",
        chain="avalanche",
        coin="AVAX",
        confirmations=12,
        block_ms=2_000,
        chain_id=43_114,
        explorer="https://snowtrace.io",
        genesis="0x31ced5b9beb7f8782b014660da0cb18cc409f121f408186886e1ca3e8eeca96b",
        test_networks={"fuji": 43_113},
    ),
)

BY_NAME: Final[Mapping[str, EvmNetwork]] = {network.name: network for network in NETWORKS}
