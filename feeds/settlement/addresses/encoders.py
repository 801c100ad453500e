"""How each network writes a secp256k1 public key as an address."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from bip_utils import (
    BchP2PKHAddrEncoder,
    EthAddrEncoder,
    P2PKHAddrEncoder,
    P2SHAddrEncoder,
    P2WPKHAddrEncoder,
    TrxAddrEncoder,
)

from feeds.settlement.addresses.accounts import EVM, Kind


def _p2pkh(version: bytes) -> Callable[[Any], str]:
    return partial(P2PKHAddrEncoder.EncodeKey, net_ver=version)


def _p2sh(version: bytes) -> Callable[[Any], str]:
    return partial(P2SHAddrEncoder.EncodeKey, net_ver=version)


def _p2wpkh(prefix: str) -> Callable[[Any], str]:
    return partial(P2WPKHAddrEncoder.EncodeKey, hrp=prefix, wit_ver=0)


ENCODERS: Final[Mapping[tuple[str, Kind], Callable[[Any], str]]] = {
    ("Bitcoin", Kind.BIP84): _p2wpkh("bc"),
    ("Bitcoin", Kind.BIP49): _p2sh(b"\x05"),
    ("Bitcoin", Kind.BIP44): _p2pkh(b"\x00"),
    ("Litecoin", Kind.BIP84): _p2wpkh("ltc"),
    ("Litecoin", Kind.BIP49): _p2sh(b"\x32"),
    ("Litecoin", Kind.BIP44): _p2pkh(b"\x30"),
    ("Dogecoin", Kind.BIP44): _p2pkh(b"\x1e"),
    ("Dash", Kind.BIP44): _p2pkh(b"\x4c"),
    ("Zcash", Kind.BIP44): _p2pkh(b"\x1c\xb8"),
    ("Bitcoin Cash", Kind.BIP44): partial(
        BchP2PKHAddrEncoder.EncodeKey, hrp="bitcoincash", net_ver=b"\x00"
    ),
    ("Tron", Kind.BIP44): TrxAddrEncoder.EncodeKey,
    **{(network, Kind.BIP44): EthAddrEncoder.EncodeKey for network in EVM},
}
"""Encoders by network and kind: base58 of key or segwit script hash, BIP 173, CashAddr, EIP-55."""
