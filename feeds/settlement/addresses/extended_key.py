"""Accounts known by an extended public key on secp256k1 (BIP 32, 44, 49, 84)."""

from collections.abc import Mapping
from typing import Any, Final

from bip_utils import Base58Decoder, Base58Encoder, Bip32KeyData, Bip32Slip10Secp256k1

from domain.chains.network import AccountForm, require
from domain.chains.pay_in import AccountKind, PayInAccount
from feeds.settlement.addresses.scheme import (
    ACCOUNT_DEPTH,
    RECEIVING,
    SOFT_CHILDREN,
    UNREADABLE,
    AccountScheme,
    AddressSource,
    rejected,
)

XPUB: Final = bytes.fromhex("0488b21e")

VERSIONS: Final[Mapping[AccountKind, tuple[bytes, ...]]] = {
    AccountKind.BIP44: (XPUB,),
    AccountKind.BIP49: (bytes.fromhex("049d7cb2"), XPUB),
    AccountKind.BIP84: (bytes.fromhex("04b24746"), XPUB),
}
"""The first bytes of extended public keys on any mainnet (SLIP-132), the kind's own first."""

_KEY_BYTES = 78


def _source(account: PayInAccount, form: AccountForm) -> AddressSource:
    """Return the receiving addresses .../0/index (BIP 44)."""
    receiving = read_extended_key(account.public_key, form).ChildKey(RECEIVING)
    return AddressSource(
        lambda index: (form.encode(receiving.ChildKey(index).PublicKey().KeyObject()), None),
        SOFT_CHILDREN,
    )


def read_extended_key(text: str, form: AccountForm) -> Any:
    """Return the key of an extended public key of account level (BIP 32); raise InvalidCommand.

    bip_utils would load an extended private key silently, so the text is decoded here and its key
    read as a public one, whatever its version claims.
    """
    try:
        decoded = Base58Decoder.CheckDecode(text)
        require(len(decoded) == _KEY_BYTES and decoded[4] == ACCOUNT_DEPTH)
        require(decoded[:4] in (*VERSIONS[form.kind], *form.key_versions))
        data = Bip32KeyData(depth=ACCOUNT_DEPTH, chain_code=decoded[13:45])
        return Bip32Slip10Secp256k1.FromPublicKey(decoded[45:], data)
    except UNREADABLE:
        raise rejected(f"an extended public key of account level for {form.kind}") from None


def _sandbox_key(seed: bytes, form: AccountForm) -> str:
    """Return the extended public key of an account of the seed's wallet (BIP 32, BIP 44)."""
    key = Bip32Slip10Secp256k1.FromSeed(seed).DerivePath("44'/0'/0'").PublicKey()
    data = key.Data()
    serialized = (
        VERSIONS[form.kind][0]
        + data.Depth().ToBytes()
        + data.ParentFingerPrint().ToBytes()
        + data.Index().ToBytes()
        + data.ChainCode().ToBytes()
        + key.RawCompressed().ToBytes()
    )
    text: str = Base58Encoder.CheckEncode(serialized)
    return text


SCHEME: Final = AccountScheme(_source, _sandbox_key)
