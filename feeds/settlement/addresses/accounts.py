"""Reads the public keys of pay-in accounts; whatever could be a private key is refused."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from bip_utils import (
    Base58ChecksumError,
    Base58Decoder,
    Bech32ChecksumError,
    Bech32Decoder,
    Bip32KeyData,
    Bip32KeyError,
    Bip32KholawEd25519,
    Bip32Slip10Secp256k1,
    Monero,
    MoneroKeyError,
    XmrAddrDecoder,
)

from domain.chains.addresses import check_address
from domain.chains.pay_in import PayInAccount
from domain.errors import InvalidRequest


class Kind(StrEnum):
    """How a network's addresses come from its account, and so what `public_key` holds."""

    BIP44 = "bip44"
    """An extended public key of account level (BIP 32, BIP 44): xpub."""
    BIP49 = "bip49"
    """The same for segwit inside pay-to-script-hash (BIP 49): ypub (SLIP-132) or xpub."""
    BIP84 = "bip84"
    """The same for native segwit (BIP 84): zpub or xpub."""
    CIP1852 = "cip1852"
    """Cardano's extended account public key (CIP-1852) in bech32: acct_xvk1... (CIP-5)."""
    MONERO_VIEW_KEY = "monero-view-key"
    """The main address, a colon, and the private view key in hex; it sees, and can't spend."""
    ONE_ADDRESS = "one-address"
    """The account's own address; orders differ by tag."""
    SANDBOX_UNSPENDABLE = "sandbox-unspendable"
    """`sandbox:` and 32 bytes in hex; whatever is paid to its addresses is lost for good."""


EVM: Final = ("Ethereum", "BNB Smart Chain", "Polygon", "Arbitrum", "Base", "Avalanche")
_SEGWIT = (Kind.BIP84, Kind.BIP49, Kind.BIP44)

KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    **dict.fromkeys(("Bitcoin", "Litecoin"), _SEGWIT),
    **dict.fromkeys(("Dogecoin", "Bitcoin Cash", "Dash", "Zcash", "Tron", *EVM), (Kind.BIP44,)),
    **dict.fromkeys(("XRP Ledger", "TON", "Stellar", "Cosmos"), (Kind.ONE_ADDRESS,)),
    "Monero": (Kind.MONERO_VIEW_KEY,),
    "Cardano": (Kind.CIP1852,),
    # SLIP-10 has hardened children only on ed25519: there is no watch-only derivation.
    "Solana": (Kind.SANDBOX_UNSPENDABLE,),
}
"""The kinds of account each network can have, the usual one first."""

VERSIONS: Final[Mapping[Kind, tuple[bytes, ...]]] = {
    Kind.BIP44: (bytes.fromhex("0488b21e"),),
    Kind.BIP49: (bytes.fromhex("049d7cb2"), bytes.fromhex("0488b21e")),
    Kind.BIP84: (bytes.fromhex("04b24746"), bytes.fromhex("0488b21e")),
}
"""The first bytes of extended public keys on every main network (SLIP-132), the own ones first."""

_COIN_VERSIONS: Final[Mapping[tuple[str, Kind], bytes]] = {
    ("Litecoin", Kind.BIP44): bytes.fromhex("019da462"),  # Ltub
    ("Litecoin", Kind.BIP49): bytes.fromhex("01b26ef6"),  # Mtub
    ("Dogecoin", Kind.BIP44): bytes.fromhex("02facafd"),  # dgub
}

SANDBOX_PREFIX: Final = "sandbox:"

_ACCOUNT_DEPTH = 3
_EXTENDED_KEY_BYTES = 78
_MONERO_MAIN = b"\x12"
_HEX_32 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UNREADABLE = (ValueError, Base58ChecksumError, Bech32ChecksumError, Bip32KeyError, MoneroKeyError)


def kind_of(account: PayInAccount) -> Kind:
    """Return an account's kind; raise InvalidRequest for one its network can't have."""
    for kind in KINDS.get(account.network, ()):
        if kind == account.kind:
            return kind
    raise InvalidRequest(f"{account.network} has no pay-in accounts of kind {account.kind!r}")


def read_extended_key(account: PayInAccount, kind: Kind) -> Any:
    """Return the key of an extended public key of account level (BIP 32); raise InvalidRequest.

    bip_utils would load an extended private key without a word, so the text is taken apart here and
    its key read as a public one, whatever the version claims.
    """
    versions = (*VERSIONS[kind], _COIN_VERSIONS.get((account.network, kind)))
    try:
        decoded = Base58Decoder.CheckDecode(account.public_key)
        _require(len(decoded) == _EXTENDED_KEY_BYTES and decoded[:4] in versions)
        _require(decoded[4] == _ACCOUNT_DEPTH)
        data = Bip32KeyData(depth=_ACCOUNT_DEPTH, chain_code=decoded[13:45])
        return Bip32Slip10Secp256k1.FromPublicKey(decoded[45:], data)
    except _UNREADABLE:
        raise _refusal(f"an extended public key of account level for {kind.value}") from None


def read_cardano_key(text: str) -> Any:
    """Return the key of an extended account public key (CIP-5, CIP-1852); raise InvalidRequest."""
    try:
        decoded = Bech32Decoder.Decode("acct_xvk", text)
        data = Bip32KeyData(depth=_ACCOUNT_DEPTH, chain_code=decoded[32:])
        return Bip32KholawEd25519.FromPublicKey(decoded[:32], data)
    except _UNREADABLE:
        raise _refusal("an extended account public key, acct_xvk1...") from None


def read_view_key(text: str) -> Any:
    """Return the watch-only wallet of a main address and its view key; raise InvalidRequest.

    The address names both public keys, so a private spend key in either place can't match it.
    """
    address, _, view_key = text.partition(":")
    try:
        keys = XmrAddrDecoder.DecodeAddr(address, net_ver=_MONERO_MAIN)
        spend_public, view_public = keys[:32], keys[32:]
        _require(_HEX_32.fullmatch(view_key) and spend_public != view_public)
        wallet = Monero.FromWatchOnly(bytes.fromhex(view_key), spend_public)
        _require(wallet.PublicViewKey().RawCompressed().ToBytes() == view_public)
    except _UNREADABLE:
        raise _refusal("a main address, a colon and its private view key") from None
    return wallet


def read_address(account: PayInAccount) -> str:
    """Return the address that all orders share; raise InvalidAddress."""
    check_address(account.network, account.public_key)
    return account.public_key


def read_sandbox_value(text: str) -> bytes:
    """Return the 32 bytes that unspendable addresses are made from; raise InvalidRequest."""
    value = text.removeprefix(SANDBOX_PREFIX)
    if value == text or _HEX_32.fullmatch(value) is None:
        raise _refusal(f"{SANDBOX_PREFIX} and 32 bytes in hex")
    return bytes.fromhex(value)


def _require(truth: object) -> None:
    if not truth:
        raise ValueError


def _refusal(wanted: str) -> InvalidRequest:
    """Return an error that never repeats the text: it may be somebody's private key."""
    return InvalidRequest(f"a pay-in account is known by {wanted}; private keys are refused")
