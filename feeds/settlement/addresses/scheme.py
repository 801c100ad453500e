"""What each kind of pay-in account implements, and how a key that cannot be used is rejected."""

from collections.abc import Callable
from typing import NamedTuple

from bip_utils import (
    Base58ChecksumError,
    Bech32ChecksumError,
    Bip32KeyError,
    MoneroKeyError,
)

from domain.chains.network import AccountForm
from domain.chains.pay_in import PayInAccount
from domain.errors import InvalidCommand

UNREADABLE = (ValueError, Base58ChecksumError, Bech32ChecksumError, Bip32KeyError, MoneroKeyError)
"""What the decoders raise for text that is not a key."""

ACCOUNT_DEPTH = 3
"""The depth of an account's key: purpose, coin, account (BIP 44)."""
SOFT_CHILDREN = 2**31
"""How many children a public key has (BIP 32)."""
RECEIVING = 0
"""The branch of receiving addresses (BIP 44)."""


class AddressSource(NamedTuple):
    """Returns an account's address and tag at an index below `size`."""

    at: Callable[[int], tuple[str, str | None]]
    size: int


class AccountScheme(NamedTuple):
    """One kind of account.

    `source` reads an account's public key; it raises InvalidCommand for anything else, and never
    repeats the text. `sandbox_key` makes the public key of an account from a random seed of 32
    bytes, and does not store the private keys.
    """

    source: Callable[[PayInAccount, AccountForm], AddressSource]
    sandbox_key: Callable[[bytes, AccountForm], str]


def rejected(expected: str) -> InvalidCommand:
    """Return an error that does not repeat the text: it may be a private key."""
    return InvalidCommand(f"a pay-in account requires {expected}; private keys are rejected")
