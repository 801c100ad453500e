"""What a network declares about itself: its identity, addresses, tags and pay-in accounts."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from domain.chains.identity import ChainIdentity
from domain.chains.pay_in import AccountKind

AddressForm = Callable[[str], object]
"""Decodes one form of address; raises any exception for text that is not of this form."""

AddressEncoder = Callable[..., str]
"""Writes a public key, as bip_utils represents it, as an address."""


class Curve(StrEnum):
    """The elliptic curve of a network's keys."""

    SECP256K1 = "secp256k1"
    ED25519 = "ed25519"


class TagForm(msgspec.Struct, frozen=True):
    """The tag that tells apart payments to one address: what wallets call it, and which are valid.

    Called destination tag, memo or comment.
    """

    name: str
    is_valid: Callable[[str], bool]


def _no_encoder(*_: object) -> str:
    raise NotImplementedError("accounts of this kind make addresses without encoding single keys")


class AccountForm(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of pay-in account that a network supports.

    `encode` writes public keys of `curve` as addresses. `key_versions` are the first bytes of
    extended public keys that only this coin's wallets export (SLIP-132), in addition to those of
    the kind.
    """

    kind: AccountKind
    encode: AddressEncoder = _no_encoder
    curve: Curve = Curve.SECP256K1
    key_versions: tuple[bytes, ...] = ()


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is particular to one network. Mainnet only.

    `chain` is its name on the wire, which never changes: its name in lowercase without spaces.
    `coin` is the coin in which its fees are paid, by its name in prices. `family` names the folder
    of `feeds/settlement/chains/` that follows it; None for a network that only the sandbox settles.
    `confirmations` is how many blocks a deposit needs by default. The database repeats the chain,
    its id, the coin, the tag's name, confirmations and dust limit; a test requires that they are
    equal. A network
    with a family has an `identity`, which its nodes must report; `test_networks` are those of its
    test networks, by name, which an operator may follow instead.
    """

    name: str
    chain: str
    coin: str
    family: str | None = None
    confirmations: int
    block_ms: int
    """The mean time between two blocks, in milliseconds: for estimates only."""
    address_forms: tuple[AddressForm, ...]
    accounts: tuple[AccountForm, ...]
    """The kinds of pay-in account it supports, the usual one first."""
    tag: TagForm | None = None
    identity: ChainIdentity | None = None
    test_networks: Mapping[str, ChainIdentity] = MappingProxyType({})
    bech32_prefixes: tuple[str, ...] = ()
    """What those addresses begin with that may also be written in capital letters (BIP 173)."""
    explorer: str
    """The page of a transaction in a public block explorer, with `{}` for the transaction's id."""
    dust_limit: int = 0
    """The least payment of its coin that every address accepts, in units of 10^-8.

    Below it nodes do not forward an output to some form of address, or an account that does not
    exist yet is not created. 0 where any amount arrives. Tokens have no such limit.
    """

    def confirmed_after_seconds(self, confirmations: int) -> int:
        """Return how long a transaction takes to have so many blocks, on average."""
        return -(-confirmations * self.block_ms // 1000)

    @property
    def chain_id(self) -> int | None:
        """Return the chain id of EIP-155; None for a network that is not an EVM network."""
        return None if self.identity is None else self.identity.chain_id

    @property
    def internal_coin(self) -> str | None:
        """Return the coin that contracts can send inside of other transactions; None without."""
        return None

    def accepts(self, address: str) -> bool:
        """Return whether an address is of one of the network's forms."""
        return any(is_decoded(form, address) for form in self.address_forms)

    def fails_checksum(self, address: str) -> bool:
        """Return whether an address that is not accepted has one of the forms, but for a checksum.

        All decoders say so in the message of their error, and in no other way.
        """
        errors = (decoding_error(form, address) for form in self.address_forms)
        return any("checksum" in str(error).lower() for error in errors if error is not None)

    def canonical(self, address: str) -> str:
        """Return an accepted address as derivation writes it and as its nodes report it."""
        lowered = address.lower()
        return lowered if lowered.startswith(self.bech32_prefixes) else address

    def spellings(self, address: str) -> frozenset[str]:
        """Return the texts that an accepted address may be stored as.

        Pools that were imported by earlier versions contain them as they were written.
        """
        canonical = self.canonical(address)
        is_bech32 = canonical.startswith(self.bech32_prefixes)
        return frozenset(
            {address, address.lower(), canonical, canonical.upper() if is_bech32 else canonical}
        )

    def account_form(self, kind: str) -> AccountForm | None:
        """Return the network's accounts of a kind, or None if it does not support the kind."""
        return next((form for form in self.accounts if form.kind == kind), None)

    @property
    def live_account(self) -> AccountForm | None:
        """Return the usual account for real money; None if addresses must be imported."""
        kinds = (form for form in self.accounts if form.kind is not AccountKind.SANDBOX_UNSPENDABLE)
        return next(kinds, None)


def is_decoded(form: AddressForm, address: str) -> bool:
    """Return whether an address is of a form."""
    return decoding_error(form, address) is None


def decoding_error(form: AddressForm, address: str) -> Exception | None:
    """Return why an address is not of a form; None if it is."""
    try:
        form(address)
    except Exception as error:  # noqa: BLE001  decoders raise many types for what they cannot decode
        return error
    return None


def require(condition: object) -> None:
    """Raise ValueError unless `condition` is true."""
    if not condition:
        raise ValueError


def is_text(tag: str, *, max_length: int) -> bool:
    """Return whether a tag is printable text of 1 to `max_length` characters.

    Spaces at either end are not accepted.
    """
    return 1 <= len(tag) <= max_length and tag.isprintable() and tag == tag.strip()
