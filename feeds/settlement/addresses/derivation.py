"""Derives the addresses of pay-in accounts from public keys alone."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from bip_utils import AdaShelleyAddrEncoder
from solders.pubkey import Pubkey

from domain.chains.pay_in import PayInAccount, PayInAddress
from domain.errors import InvalidRequest
from feeds.settlement.addresses.accounts import (
    Kind,
    kind_of,
    read_address,
    read_cardano_key,
    read_extended_key,
    read_sandbox_value,
    read_view_key,
)
from feeds.settlement.addresses.encoders import ENCODERS
from feeds.settlement.addresses.sandbox_accounts import sandbox_account

__all__ = ["FIRST_TAG", "checked_account", "derive", "sandbox_account"]

FIRST_TAG: Final = 100_000_000
"""The tag at index 0. Not zero, which wallets and people take for none."""

_SOFT_CHILDREN = 2**31
_RECEIVING, _STAKING = 0, "2/0"
_TAGS = 2**32 - FIRST_TAG
_SUBADDRESSES = 2**32 - 1
_BIGINT = 2**63


class _Source(NamedTuple):
    """What makes an account's address (with its tag) at an index, and how many indices it has."""

    at: Callable[[int], tuple[str, str | None]]
    size: int


def derive(account: PayInAccount, *, start: int, count: int) -> list[PayInAddress]:
    """Return the addresses at indices `start` up to, not including, `start + count`.

    Fewer only where the account runs out. Raises InvalidRequest as checked_account does, and for a
    negative start.
    """
    if start < 0:
        raise InvalidRequest("addresses are counted from 0")
    source = _source(account)
    made = []
    for index in range(start, min(start + count, source.size)):
        address, tag = source.at(index)
        made.append(PayInAddress(account.network, address, tag, index))
    return made


def checked_account(account: PayInAccount) -> PayInAccount:
    """Return the account; raise InvalidRequest unless its key is public and fits network and kind.

    The error says what is wanted and never repeats the key.
    """
    _source(account)
    return account


def _source(account: PayInAccount) -> _Source:
    return _SOURCES[kind_of(account)](account)


def _from_extended_key(account: PayInAccount) -> _Source:
    """Give the receiving addresses .../0/index (BIP 44)."""
    kind = kind_of(account)
    receiving = read_extended_key(account, kind).ChildKey(_RECEIVING)
    encode = ENCODERS[account.network, kind]
    return _Source(
        lambda index: (encode(receiving.ChildKey(index).PublicKey().KeyObject()), None),
        _SOFT_CHILDREN,
    )


def _from_cardano_key(account: PayInAccount) -> _Source:
    """Give the base addresses of .../0/index, staked by .../2/0 (CIP-1852, CIP-19)."""
    key = read_cardano_key(account.public_key)
    receiving = key.ChildKey(_RECEIVING)
    staking = key.DerivePath(_STAKING).PublicKey().KeyObject()
    encode = partial(AdaShelleyAddrEncoder.EncodeKey, pub_skey=staking)
    return _Source(
        lambda index: (encode(receiving.ChildKey(index).PublicKey().KeyObject()), None),
        _SOFT_CHILDREN,
    )


def _from_view_key(account: PayInAccount) -> _Source:
    """Give the subaddresses (0, index + 1): (0, 0) is the main address, which others may know."""
    wallet = read_view_key(account.public_key)
    return _Source(lambda index: (wallet.Subaddress(index + 1), None), _SUBADDRESSES)


def _from_one_address(account: PayInAccount) -> _Source:
    """Give one address with a tag that counts up; uint32, as the XRP Ledger wants it, suits all."""
    address = read_address(account)
    return _Source(lambda index: (address, str(FIRST_TAG + index)), _TAGS)


def _from_sandbox_value(account: PayInAccount) -> _Source:
    """Give points of ed25519 found by hashing, whose private keys nobody knows. Sandbox only.

    SHA-256 of value, index and attempt, until it decodes to a point: every second one does. A real
    installation imports a pool of addresses instead.
    """
    value = read_sandbox_value(account.public_key)

    def at(index: int) -> tuple[str, str | None]:
        start = hashlib.sha256(value + index.to_bytes(8, "big"))
        attempt = 0
        while True:
            digest = start.copy()
            digest.update(attempt.to_bytes(4, "big"))
            point = Pubkey(digest.digest())
            if point.is_on_curve():
                return str(point), None
            attempt += 1

    return _Source(at, _BIGINT)


_SOURCES: Final[Mapping[Kind, Callable[[PayInAccount], _Source]]] = {
    Kind.BIP44: _from_extended_key,
    Kind.BIP49: _from_extended_key,
    Kind.BIP84: _from_extended_key,
    Kind.CIP1852: _from_cardano_key,
    Kind.MONERO_VIEW_KEY: _from_view_key,
    Kind.ONE_ADDRESS: _from_one_address,
    Kind.SANDBOX_UNSPENDABLE: _from_sandbox_value,
}
