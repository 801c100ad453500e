"""Solana: 32 bytes in base58, without a checksum."""

from typing import Final

from solders.pubkey import Pubkey

from domain.chains.network import AccountForm, Network, require
from domain.chains.pay_in import AccountKind


def _decode(address: str) -> None:
    """Decode an address; not the system program's, from which nothing can be recovered."""
    require(any(bytes(Pubkey.from_string(address))))


RENT_EXEMPT: Final = 89_088
"""0.00089088 SOL: a new account without data has to hold it (InsufficientFundsForRent).

Two years of rent at 3,480 lamports for each of its 128 bytes (getMinimumBalanceForRentExemption).
"""

NETWORKS: Final = (
    Network(
        name="Solana",
        chain="solana",
        coin="SOL",
        confirmations=32,
        explorer="https://solscan.io/tx/{}",
        block_ms=400,
        address_forms=(_decode,),
        # SLIP-10 has only hardened children on ed25519: addresses cannot derive from a public key,
        # so live installations import a pool.
        accounts=(AccountForm(kind=AccountKind.SANDBOX_UNSPENDABLE),),
        dust_limit=RENT_EXEMPT,
    ),
)
