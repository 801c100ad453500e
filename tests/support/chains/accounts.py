"""Pay-in accounts with their private keys, as their owner's wallet has them."""

from typing import Any

import pytest
from bip_utils import (
    Bech32Encoder,
    Bip39SeedGenerator,
    Bip44,
    Bip44Coins,
    Bip49,
    Bip49Coins,
    Bip84,
    Bip84Coins,
    CardanoIcarusSeedGenerator,
    Cip1852,
    Cip1852Coins,
)

from domain.chains.networks import NETWORKS, evm
from domain.chains.pay_in import PayInAccount
from feeds.settlement.addresses.derivation import derive, sandbox_account

MNEMONIC = "abandon " * 11 + "about"
SEED = Bip39SeedGenerator(MNEMONIC).Generate()
INDICES = (0, 1, 2, 19, 1000, 2**31 - 1)

EVM = [network.name for network in evm.NETWORKS]
TAGGED = [network.name for network in NETWORKS.values() if network.tag is not None]
EVERY_NETWORK = pytest.mark.parametrize("network", sorted(NETWORKS))

COINS = {
    "Bitcoin": (Bip44Coins.BITCOIN, Bip49Coins.BITCOIN, Bip84Coins.BITCOIN),
    "Litecoin": (Bip44Coins.LITECOIN, Bip49Coins.LITECOIN, Bip84Coins.LITECOIN),
    "Dogecoin": (Bip44Coins.DOGECOIN,),
    "Bitcoin Cash": (Bip44Coins.BITCOIN_CASH,),
    "Dash": (Bip44Coins.DASH,),
    "Zcash": (Bip44Coins.ZCASH,),
    "Tron": (Bip44Coins.TRON,),
    **dict.fromkeys(EVM, (Bip44Coins.ETHEREUM,)),
}
PURPOSES = {"bip44": Bip44, "bip49": Bip49, "bip84": Bip84}
EXTENDED = [
    (network, kind, coin)
    for network, coins in COINS.items()
    for kind, coin in zip(PURPOSES, coins, strict=False)
]


def private_account(kind: str, coin: object) -> Any:
    """Return the account with its private key."""
    return PURPOSES[kind].FromSeed(SEED, coin).Purpose().Coin().Account(0)


def cardano_account() -> Any:
    seed = CardanoIcarusSeedGenerator(MNEMONIC).Generate()
    return Cip1852.FromSeed(seed, Cip1852Coins.CARDANO_ICARUS).Purpose().Coin().Account(0)


def cardano_public_key() -> str:
    key = cardano_account().PublicKey()
    raw = key.RawCompressed().ToBytes()[1:] + key.ChainCode().ToBytes()
    text: str = Bech32Encoder.Encode("acct_xvk", raw)
    return text


def watched(network: str, kind: str) -> PayInAccount:
    """Return the mnemonic's account without its private key."""
    if kind == "cip1852":
        return PayInAccount(network, kind, cardano_public_key())
    coin = COINS[network][list(PURPOSES).index(kind)]
    return PayInAccount(network, kind, private_account(kind, coin).PublicKey().ToExtended())


ACCOUNTS = {
    network: sandbox_account(network, randomness=lambda size: b"\x05" * size)
    for network in sorted(NETWORKS)
}


def addresses(account: PayInAccount, *indices: int) -> list[str]:
    return [derive(account, start=index, count=1)[0].address for index in indices]
