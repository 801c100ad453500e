"""Bitcoin and its forks: addresses of public key hashes, script hashes and segwit programs."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from bip_utils import (
    P2PKHAddrDecoder,
    P2PKHAddrEncoder,
    P2SHAddrDecoder,
    P2SHAddrEncoder,
    P2WPKHAddrEncoder,
    SegwitBech32Decoder,
)

from domain.chains.network import AccountForm, AddressEncoder, AddressForm, Network, require
from domain.chains.pay_in import AccountKind

FAMILY: Final = "bitcoin"


class BitcoinNetwork(Network, frozen=True, kw_only=True):
    """A network whose addresses are output scripts in base58check, or in bech32 with segwit.

    `segwit_prefix` is None without segwit. `replaces_by_fee` says whether its nodes accept a
    transaction that replaces one with a lower fee (BIP 125).
    """

    key_version: bytes
    script_version: bytes
    segwit_prefix: str | None
    replaces_by_fee: bool


def _network(
    name: str,
    *,
    confirmations: int,
    key_version: bytes,
    script_version: bytes,
    segwit_prefix: str | None = None,
    key_versions: Mapping[AccountKind, bytes] | None = None,
    replaces_by_fee: bool = False,
    family: str | None = FAMILY,
) -> BitcoinNetwork:
    """Return a network; `key_versions` are those of the coin's own extended public keys."""
    forms: list[AddressForm] = [
        partial(P2PKHAddrDecoder.DecodeAddr, net_ver=key_version),
        partial(P2SHAddrDecoder.DecodeAddr, net_ver=script_version),
    ]
    encoders: dict[AccountKind, AddressEncoder] = {
        AccountKind.BIP44: partial(P2PKHAddrEncoder.EncodeKey, net_ver=key_version)
    }
    if segwit_prefix is not None:
        forms.insert(0, _segwit(segwit_prefix))
        encoders = {
            AccountKind.BIP84: partial(P2WPKHAddrEncoder.EncodeKey, hrp=segwit_prefix, wit_ver=0),
            AccountKind.BIP49: partial(P2SHAddrEncoder.EncodeKey, net_ver=script_version),
            **encoders,
        }
    own = {kind: (version,) for kind, version in (key_versions or {}).items()}
    return BitcoinNetwork(
        name=name,
        family=family,
        confirmations=confirmations,
        address_forms=tuple(forms),
        accounts=tuple(
            AccountForm(kind=kind, encode=encode, key_versions=own.get(kind, ()))
            for kind, encode in encoders.items()
        ),
        key_version=key_version,
        script_version=script_version,
        segwit_prefix=segwit_prefix,
        replaces_by_fee=replaces_by_fee,
    )


def _segwit(prefix: str) -> AddressForm:
    """Return the form of segwit addresses of versions 0 and 1 (BIP 173, BIP 350)."""

    def decode(address: str) -> None:
        version, program = SegwitBech32Decoder.Decode(prefix, address)
        require(version in (0, 1))
        require(len(program) == 32 or (version == 0 and len(program) == 20))

    return decode


NETWORKS: Final = (
    _network(
        "Bitcoin",
        confirmations=2,
        key_version=b"\x00",
        script_version=b"\x05",
        segwit_prefix="bc",
        replaces_by_fee=True,
    ),
    # Script addresses that begin with 3 are Bitcoin's too, so only those with M are accepted.
    _network(
        "Litecoin",
        confirmations=4,
        key_version=b"\x30",
        script_version=b"\x32",
        segwit_prefix="ltc",
        key_versions={
            AccountKind.BIP44: bytes.fromhex("019da462"),  # Ltub
            AccountKind.BIP49: bytes.fromhex("01b26ef6"),  # Mtub
        },
        replaces_by_fee=True,
    ),
    _network(
        "Dogecoin",
        confirmations=10,
        key_version=b"\x1e",
        script_version=b"\x16",
        key_versions={AccountKind.BIP44: bytes.fromhex("02facafd")},  # dgub
    ),
    _network("Dash", confirmations=4, key_version=b"\x4c", script_version=b"\x10"),
    # Transparent addresses only. The sandbox alone settles it.
    _network(
        "Zcash",
        confirmations=12,
        key_version=b"\x1c\xb8",
        script_version=b"\x1c\xbd",
        family=None,
    ),
)

BY_NAME: Final[Mapping[str, BitcoinNetwork]] = {network.name: network for network in NETWORKS}
