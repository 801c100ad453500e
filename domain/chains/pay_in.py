"""Pay-in accounts, known by public keys alone, and the addresses that orders get from them."""

from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

IMPORTED: Final = "imported"
"""The kind of an account that derives nothing: its pool of addresses was imported."""


class AccountKind(StrEnum):
    """How addresses come from an account, and so what its `public_key` contains."""

    BIP44 = "bip44"
    """An extended public key of account level (BIP 32, BIP 44): xpub."""
    BIP49 = "bip49"
    """The same for segwit inside pay-to-script-hash (BIP 49): ypub (SLIP-132) or xpub."""
    BIP84 = "bip84"
    """The same for native segwit (BIP 84): zpub or xpub."""
    CIP1852 = "cip1852"
    """Cardano's extended account public key (CIP-1852) in bech32: acct_xvk1... (CIP-5)."""
    MONERO_VIEW_KEY = "monero-view-key"
    """The main address, a colon, and the private view key in hex, which cannot spend."""
    ONE_ADDRESS = "one-address"
    """The account's own address; orders differ by tag."""
    SANDBOX_UNSPENDABLE = "sandbox-unspendable"
    """`sandbox:` and 32 bytes in hex; whatever is paid to its addresses is lost."""


class PayInAccount(msgspec.Struct, frozen=True):
    """What a network's addresses derive from. `kind` is an AccountKind's value or IMPORTED.

    Private keys that can spend never exist here.
    """

    network: str
    kind: str
    public_key: str


class UnpaidAddress(msgspec.Struct, frozen=True):
    """An address whose order was never paid and is watched no longer; `id` is the address's."""

    id: int
    order_id: UUID
    address: str
    index: int


class PayInAddress(msgspec.Struct, frozen=True):
    """An address for one order; `tag` where all orders of a network share one address."""

    network: str
    address: str
    tag: str | None
    index: int
