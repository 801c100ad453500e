"""Ethereum and other EVM networks: 20 bytes in hex, with the checksum of EIP-55."""

import re
from typing import Final

from bip_utils import EthAddrDecoder, EthAddrEncoder

from domain.chains.network import AccountForm, Network, require
from domain.chains.pay_in import AccountKind

FAMILY: Final = "evm"

_SINGLE_CASE = re.compile(r"0x(?:[0-9a-f]{40}|[0-9A-F]{40})", re.ASCII)


def _decode(address: str) -> None:
    """Decode an address of one case, or of both with a correct checksum; not the zero address."""
    single_case = _SINGLE_CASE.fullmatch(address) is not None
    decoded = EthAddrDecoder.DecodeAddr(address, skip_chksum_enc=single_case)
    require(any(decoded))


def _network(name: str, *, confirmations: int) -> Network:
    return Network(
        name=name,
        family=FAMILY,
        confirmations=confirmations,
        address_forms=(_decode,),
        accounts=(AccountForm(kind=AccountKind.BIP44, encode=EthAddrEncoder.EncodeKey),),
    )


NETWORKS: Final = (
    _network("Ethereum", confirmations=12),
    _network("BNB Smart Chain", confirmations=15),
    _network("Polygon", confirmations=64),
    _network("Arbitrum", confirmations=20),
    _network("Base", confirmations=20),
    _network("Avalanche", confirmations=12),
)
