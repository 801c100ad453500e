"""Cardano: Shelley base and enterprise addresses (CIP-19), and Byron addresses."""

from typing import Final

from bip_utils import AdaByronAddrDecoder, AdaShelleyAddrEncoder, Bech32Decoder

from domain.chains.network import AccountForm, Network, require
from domain.chains.pay_in import AccountKind

_MAINNET = 1
_ADDRESS_TYPES = {57: range(4), 29: (6, 7)}
"""Types by length in bytes: base addresses, enterprise addresses."""


def _decode_shelley(address: str) -> None:
    decoded = Bech32Decoder.Decode("addr", address)
    address_type, network = decoded[0] >> 4, decoded[0] & 0x0F
    require(network == _MAINNET)
    require(address_type in _ADDRESS_TYPES[len(decoded)])


MIN_OUTPUT: Final = 121_542_000
"""1.21542 ADA, what an output to the longest address has to hold (CIP-55, coinsPerUTxOByte).

4,310 lovelace for each of its bytes and 160 more. A Byron address has at most 112 bytes, because
its attributes have at most 64 (OutputBootAddrAttrsTooBig); the output, a map of CBOR, has 10 more.
"""

NETWORKS: Final = (
    Network(
        name="Cardano",
        chain="cardano",
        coin="ADA",
        confirmations=15,
        explorer="https://cardanoscan.io/transaction/{}",
        block_ms=20_000,
        bech32_prefixes=("addr1",),
        address_forms=(_decode_shelley, AdaByronAddrDecoder.DecodeAddr),
        accounts=(AccountForm(kind=AccountKind.CIP1852, encode=AdaShelleyAddrEncoder.EncodeKey),),
        dust_limit=MIN_OUTPUT,
    ),
)
