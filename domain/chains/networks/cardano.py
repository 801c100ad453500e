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


NETWORKS: Final = (
    Network(
        name="Cardano",
        confirmations=15,
        address_forms=(_decode_shelley, AdaByronAddrDecoder.DecodeAddr),
        accounts=(AccountForm(kind=AccountKind.CIP1852, encode=AdaShelleyAddrEncoder.EncodeKey),),
    ),
)
