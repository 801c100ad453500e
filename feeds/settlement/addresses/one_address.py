"""Accounts known by one address that all orders share; a tag tells the orders apart."""

from collections.abc import Mapping
from typing import Any, Final

from bip_utils import Ed25519PrivateKey, Secp256k1PrivateKey

from domain.chains.addresses import canonical, check_address
from domain.chains.network import AccountForm, Curve
from domain.chains.pay_in import PayInAccount
from feeds.settlement.addresses.scheme import AccountScheme, AddressSource

FIRST_TAG: Final = 100_000_000
"""The tag at index 0. Not zero, which wallets and people take for none."""

_TAGS = 2**32 - FIRST_TAG
_PRIVATE_KEYS: Final[Mapping[Curve, Any]] = {
    Curve.SECP256K1: Secp256k1PrivateKey,
    Curve.ED25519: Ed25519PrivateKey,
}


def _source(account: PayInAccount, _: AccountForm) -> AddressSource:
    """Return the address with tags that count up as uint32, which every network accepts."""
    check_address(account.network, account.public_key)
    address = canonical(account.network, account.public_key)
    return AddressSource(lambda index: (address, str(FIRST_TAG + index)), _TAGS)


def _sandbox_key(seed: bytes, form: AccountForm) -> str:
    return form.encode(_PRIVATE_KEYS[form.curve].FromBytes(seed).PublicKey())


SCHEME: Final = AccountScheme(_source, _sandbox_key)
