"""Derives the addresses of pay-in accounts from public keys alone."""

import secrets
from collections.abc import Mapping
from typing import Final

from domain.chains.network import AccountForm
from domain.chains.networks import NETWORKS
from domain.chains.pay_in import AccountKind, PayInAccount, PayInAddress
from domain.errors import InvalidCommand
from domain.partners.credentials import Randomness
from feeds.settlement.addresses import (
    cardano_key,
    extended_key,
    one_address,
    unspendable,
    view_key,
)
from feeds.settlement.addresses.scheme import AccountScheme, AddressSource

_SEED_BYTES = 32

_SCHEMES: Final[Mapping[AccountKind, AccountScheme]] = {
    AccountKind.BIP44: extended_key.SCHEME,
    AccountKind.BIP49: extended_key.SCHEME,
    AccountKind.BIP84: extended_key.SCHEME,
    AccountKind.CIP1852: cardano_key.SCHEME,
    AccountKind.MONERO_VIEW_KEY: view_key.SCHEME,
    AccountKind.ONE_ADDRESS: one_address.SCHEME,
    AccountKind.SANDBOX_UNSPENDABLE: unspendable.SCHEME,
}


def derive(account: PayInAccount, *, start: int, count: int) -> list[PayInAddress]:
    """Return the addresses at indices `start` up to, not including, `start + count`.

    Fewer only where the account runs out. Raises InvalidCommand as checked_account does, and for a
    negative start.
    """
    if start < 0:
        raise InvalidCommand("addresses are counted from 0")
    source = _source(account)
    derived = []
    for index in range(start, min(start + count, source.size)):
        address, tag = source.at(index)
        derived.append(PayInAddress(account.network, address, tag, index))
    return derived


def checked_account(account: PayInAccount) -> PayInAccount:
    """Return the account; raise InvalidCommand unless its key is public and fits network and kind.

    The error says what is expected and never repeats the key.
    """
    _source(account)
    return account


def sandbox_account(network: str, *, randomness: Randomness = secrets.token_bytes) -> PayInAccount:
    """Return a new account of the network's usual kind, from which nobody can ever spend.

    Raises InvalidCommand for an unknown network.
    """
    declared = NETWORKS.get(network)
    if declared is None:
        raise InvalidCommand(f"no pay-in accounts are known on {network!r}")
    form = declared.accounts[0]
    key = _SCHEMES[form.kind].sandbox_key(randomness(_SEED_BYTES), form)
    return PayInAccount(network, form.kind.value, key)


def _source(account: PayInAccount) -> AddressSource:
    form = account_form(account)
    return _SCHEMES[form.kind].source(account, form)


def account_form(account: PayInAccount) -> AccountForm:
    """Return the form of an account; raise InvalidCommand if its network does not support it."""
    declared = NETWORKS.get(account.network)
    form = declared.account_form(account.kind) if declared is not None else None
    if form is None:
        raise InvalidCommand(f"{account.network} has no pay-in accounts of kind {account.kind!r}")
    return form
