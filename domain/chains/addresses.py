"""Whether an address, and its tag, can be paid to on a network."""

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

from domain.chains.network import Network
from domain.chains.networks import NETWORKS
from domain.errors import InvalidAddress
from domain.reasons import Reason

_PRINTABLE = re.compile(r"[!-~]{10,200}", re.ASCII)


class AddressProblem(StrEnum):
    """Why an address, or its tag, cannot be paid to; the values are those of the wire."""

    FORMAT = "FORMAT"
    """It has no form of the network's addresses."""
    CHECKSUM = "CHECKSUM"
    """It has the form, but its checksum is wrong: it was mistyped."""
    NETWORK = "NETWORK"
    """It is an address of another network."""
    TAG_REQUIRED = "TAG_REQUIRED"
    """Reserved: no form of address that is accepted states that it needs a tag."""
    TAG_INVALID = "TAG_INVALID"
    """The network has no tags, or none of this form."""
    OWN_ADDRESS = "OWN_ADDRESS"
    """It is an address of this installation."""


def address_problem(network: str, address: str, tag: str | None) -> AddressProblem | None:
    """Return why an address, or its tag, cannot be paid to on a network; None if it can."""
    try:
        check_address(network, address)
        check_tag(network, tag)
    except InvalidAddress as error:
        return AddressProblem(error.reason.value)
    return None


def canonical(network: str, address: str) -> str:
    """Return an accepted address as it is stored and reported: one text for each address."""
    declared = NETWORKS.get(network)
    return address if declared is None else declared.canonical(address)


def spellings(network: str, address: str) -> frozenset[str]:
    """Return the texts that an accepted address may be stored as."""
    declared = NETWORKS.get(network)
    return frozenset({address}) if declared is None else declared.spellings(address)


def spellings_of_networks(address: str) -> Sequence[tuple[str, str]]:
    """Return each network with the texts that an address may be stored as there."""
    return [
        (name, text)
        for name, declared in NETWORKS.items()
        for text in (declared.spellings(address) if declared.accepts(address) else {address})
    ]


def check_address(network: str, address: str) -> None:
    """Raise InvalidAddress unless `address` can be paid to on `network`. Mainnet only."""
    declared = NETWORKS.get(network)
    if declared is None:
        raise InvalidAddress(f"no addresses are known on {network!r}", reason=Reason.NETWORK)
    if _PRINTABLE.fullmatch(address) is None:
        raise InvalidAddress(
            "an address is 10 to 200 printable ASCII characters", reason=Reason.FORMAT
        )
    if not _is_accepted(network, address):
        raise InvalidAddress(
            f"not an address on {network}", reason=_reason_not_accepted(declared, address)
        )


@lru_cache(maxsize=1 << 12)
def _is_accepted(network: str, address: str) -> bool:
    """Decoding takes a tenth of an order's time, and customers use an address more than once."""
    return NETWORKS[network].accepts(address)


def _reason_not_accepted(network: Network, address: str) -> Reason:
    if any(other.accepts(address) for other in NETWORKS.values()):
        return Reason.NETWORK
    return Reason.CHECKSUM if network.fails_checksum(address) else Reason.FORMAT


def check_tag(network: str, tag: str | None) -> None:
    """Raise InvalidAddress unless `tag` is valid on `network`, or None.

    None is always valid: only the owner of an address knows whether it needs a tag. On networks
    without tags nothing else is.
    """
    if tag is None:
        return
    declared = NETWORKS.get(network)
    if declared is None or declared.tag is None or not declared.tag.is_valid(tag):
        raise InvalidAddress(f"not a tag on {network}", reason=Reason.TAG_INVALID)
