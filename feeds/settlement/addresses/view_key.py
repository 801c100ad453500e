"""Accounts known by Monero's main address and private view key: they see, and cannot spend."""

import re
from typing import Any, Final

from bip_utils import Monero, XmrAddrDecoder

from domain.chains.network import AccountForm, require
from domain.chains.pay_in import PayInAccount
from feeds.settlement.addresses.scheme import UNREADABLE, AccountScheme, AddressSource, rejected

_SUBADDRESSES = 2**32 - 1
_MAINNET = b"\x12"
_HEX_32 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _source(account: PayInAccount, _: AccountForm) -> AddressSource:
    """Return the subaddresses (0, index + 1); (0, 0) is the main address, which may be public."""
    wallet = _read(account.public_key)
    return AddressSource(lambda index: (wallet.Subaddress(index + 1), None), _SUBADDRESSES)


def _read(text: str) -> Any:
    """Return the watch-only wallet; raise InvalidCommand.

    The address contains both public keys, so a private spend key in either place cannot match it.
    """
    address, _, view_key = text.partition(":")
    try:
        keys = XmrAddrDecoder.DecodeAddr(address, net_ver=_MAINNET)
        spend_public, view_public = keys[:32], keys[32:]
        require(_HEX_32.fullmatch(view_key) and spend_public != view_public)
        wallet = Monero.FromWatchOnly(bytes.fromhex(view_key), spend_public)
        require(wallet.PublicViewKey().RawCompressed().ToBytes() == view_public)
    except UNREADABLE:
        raise rejected("a main address, a colon and its private view key") from None
    return wallet


def _sandbox_key(seed: bytes, _: AccountForm) -> str:
    wallet = Monero.FromSeed(seed)
    return f"{wallet.PrimaryAddress()}:{wallet.PrivateViewKey().Raw().ToHex()}"


SCHEME: Final = AccountScheme(_source, _sandbox_key)
