"""Tron: 20 bytes after the version 0x41, in base58check."""

from typing import Final

from bip_utils import TrxAddrDecoder, TrxAddrEncoder

from domain.chains.network import AccountForm, Network, require
from domain.chains.pay_in import AccountKind


def _decode(address: str) -> None:
    """Decode an address; not the zero address."""
    require(any(TrxAddrDecoder.DecodeAddr(address)))


NETWORKS: Final = (
    Network(
        name="Tron",
        chain="tron",
        coin="TRX",
        # No dust limit: the sender pays for the account that a payment creates.
        confirmations=20,
        explorer="https://tronscan.org/#/transaction/{}",
        block_ms=3_000,
        address_forms=(_decode,),
        accounts=(AccountForm(kind=AccountKind.BIP44, encode=TrxAddrEncoder.EncodeKey),),
    ),
)
