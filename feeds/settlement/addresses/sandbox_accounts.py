"""Makes fresh pay-in accounts for the sandbox and forgets their private keys at once."""

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from bip_utils import (
    AtomAddrEncoder,
    Base58Encoder,
    Bech32Encoder,
    Bip32Slip10Secp256k1,
    CardanoIcarusBip32,
    Ed25519PrivateKey,
    Monero,
    Secp256k1PrivateKey,
    TonAddrEncoder,
    XlmAddrEncoder,
    XlmAddrTypes,
    XrpAddrEncoder,
)

from domain.chains.pay_in import PayInAccount
from domain.errors import InvalidRequest
from domain.partners.credentials import Randomness
from feeds.settlement.addresses.accounts import KINDS, SANDBOX_PREFIX, VERSIONS, Kind

_SEED_BYTES = 32


def sandbox_account(network: str, *, randomness: Randomness = secrets.token_bytes) -> PayInAccount:
    """Return a new account of the network's usual kind; nobody will ever spend from it.

    Raises InvalidRequest for an unknown network.
    """
    kinds = KINDS.get(network)
    if kinds is None:
        raise InvalidRequest(f"no pay-in accounts are known on {network!r}")
    kind = kinds[0]
    seed = randomness(_SEED_BYTES)
    make = _ADDRESSES[network] if kind is Kind.ONE_ADDRESS else _PUBLIC_KEYS[kind]
    return PayInAccount(network, kind.value, make(seed))


def _extended_key(kind: Kind) -> Callable[[bytes], str]:
    """Return the maker of extended public keys of account level (BIP 32, BIP 44)."""

    def make(seed: bytes) -> str:
        key = Bip32Slip10Secp256k1.FromSeed(seed).DerivePath("44'/0'/0'").PublicKey()
        data = key.Data()
        serialized = (
            VERSIONS[kind][0]
            + data.Depth().ToBytes()
            + data.ParentFingerPrint().ToBytes()
            + data.Index().ToBytes()
            + data.ChainCode().ToBytes()
            + key.RawCompressed().ToBytes()
        )
        text: str = Base58Encoder.CheckEncode(serialized)
        return text

    return make


def _cardano_key(seed: bytes) -> str:
    """Return an extended account public key (CIP-1852) in bech32 (CIP-5)."""
    key = CardanoIcarusBip32.FromSeed(seed).DerivePath("1852'/1815'/0'").PublicKey()
    raw = key.RawCompressed().ToBytes()[1:] + key.ChainCode().ToBytes()
    text: str = Bech32Encoder.Encode("acct_xvk", raw)
    return text


def _view_key(seed: bytes) -> str:
    """Return main address and private view key; the private spend key stays behind."""
    wallet = Monero.FromSeed(seed)
    return f"{wallet.PrimaryAddress()}:{wallet.PrivateViewKey().Raw().ToHex()}"


_PUBLIC_KEYS: Final[Mapping[Kind, Callable[[bytes], str]]] = {
    **{kind: _extended_key(kind) for kind in VERSIONS},
    Kind.CIP1852: _cardano_key,
    Kind.MONERO_VIEW_KEY: _view_key,
    Kind.SANDBOX_UNSPENDABLE: lambda value: f"{SANDBOX_PREFIX}{value.hex()}",
}

_ADDRESSES: Final[Mapping[str, Callable[[bytes], str]]] = {
    "XRP Ledger": lambda seed: XrpAddrEncoder.EncodeKey(_secp256k1(seed)),
    "Cosmos": lambda seed: AtomAddrEncoder.EncodeKey(_secp256k1(seed), hrp="cosmos"),
    "TON": lambda seed: TonAddrEncoder.EncodeKey(_ed25519(seed)),
    "Stellar": lambda seed: XlmAddrEncoder.EncodeKey(
        _ed25519(seed), addr_type=XlmAddrTypes.PUB_KEY
    ),
}


def _secp256k1(seed: bytes) -> object:
    return Secp256k1PrivateKey.FromBytes(seed).PublicKey()


def _ed25519(seed: bytes) -> object:
    return Ed25519PrivateKey.FromBytes(seed).PublicKey()
