"""Accounts known by Cardano's extended account public key (CIP-5, CIP-1852)."""

from functools import partial
from typing import Any, Final

from bip_utils import (
    Bech32Decoder,
    Bech32Encoder,
    Bip32KeyData,
    Bip32KholawEd25519,
    CardanoIcarusBip32,
)

from domain.chains.network import AccountForm
from domain.chains.pay_in import PayInAccount
from feeds.settlement.addresses.scheme import (
    ACCOUNT_DEPTH,
    RECEIVING,
    SOFT_CHILDREN,
    UNREADABLE,
    AccountScheme,
    AddressSource,
    rejected,
)

_PREFIX = "acct_xvk"
_STAKING = "2/0"


def _source(account: PayInAccount, form: AccountForm) -> AddressSource:
    """Return the base addresses of .../0/index, staked by .../2/0 (CIP-1852, CIP-19)."""
    key = _read(account.public_key)
    receiving = key.ChildKey(RECEIVING)
    staking = key.DerivePath(_STAKING).PublicKey().KeyObject()
    encode = partial(form.encode, pub_skey=staking)
    return AddressSource(
        lambda index: (encode(receiving.ChildKey(index).PublicKey().KeyObject()), None),
        SOFT_CHILDREN,
    )


def _read(text: str) -> Any:
    try:
        decoded = Bech32Decoder.Decode(_PREFIX, text)
        data = Bip32KeyData(depth=ACCOUNT_DEPTH, chain_code=decoded[32:])
        return Bip32KholawEd25519.FromPublicKey(decoded[:32], data)
    except UNREADABLE:
        raise rejected("an extended account public key, acct_xvk1...") from None


def _sandbox_key(seed: bytes, _: AccountForm) -> str:
    key = CardanoIcarusBip32.FromSeed(seed).DerivePath("1852'/1815'/0'").PublicKey()
    raw = key.RawCompressed().ToBytes()[1:] + key.ChainCode().ToBytes()
    text: str = Bech32Encoder.Encode(_PREFIX, raw)
    return text


SCHEME: Final = AccountScheme(_source, _sandbox_key)
