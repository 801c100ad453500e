"""IP allowlists of API keys: the networks that signed calls are accepted from."""

import re
from collections.abc import Sequence
from enum import Enum, auto
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from domain.errors import InvalidCommand

Network = IPv4Network | IPv6Network

MAX_NETWORKS: Final = 50
MAX_LIST_LENGTH: Final = 5_000


class AllowlistProblem(Enum):
    """Why an entry of an allowlist is rejected."""

    NOT_A_NETWORK = auto()
    HOST_BITS_SET = auto()
    IPV4_MAPPED = auto()
    TOO_MANY_ENTRIES = auto()


class InvalidAllowlist(InvalidCommand):
    """An entry of the allowlist is rejected. For HOST_BITS_SET, `network` is the network meant."""

    def __init__(
        self, entry: str, problem: AllowlistProblem, *, network: Network | None = None
    ) -> None:
        super().__init__(f"{entry!r} rejected: {problem.name}")
        self.entry = entry
        self.problem = problem
        self.network = network


def parse_allowed(text: str) -> list[str]:
    """Return the networks and addresses of a list in CIDR form, without duplicates.

    Entries are separated by line breaks, spaces or commas. Raises InvalidAllowlist for the first
    invalid entry, and for too many entries.
    """
    networks: dict[str, None] = {}
    for entry in re.split(r"[\s,;]+", text[:MAX_LIST_LENGTH]):
        if entry:
            networks[str(_network(entry))] = None
    if len(networks) > MAX_NETWORKS or len(text) > MAX_LIST_LENGTH:
        raise InvalidAllowlist(entry, AllowlistProblem.TOO_MANY_ENTRIES)
    return list(networks)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return networks written as `10.0.0.0/8, ::1`; raise ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _network(entry: str) -> Network:
    try:
        network = ip_network(entry)
    except ValueError as error:
        if "host bits" in str(error):
            raise InvalidAllowlist(
                entry, AllowlistProblem.HOST_BITS_SET, network=ip_network(entry, strict=False)
            ) from None
        raise InvalidAllowlist(entry, AllowlistProblem.NOT_A_NETWORK) from None
    mapped = network.network_address
    if network.version == 6 and mapped in ip_network("::ffff:0:0/96"):
        raise InvalidAllowlist(entry, AllowlistProblem.IPV4_MAPPED)
    return network


def networks_of(allowed: Sequence[str]) -> tuple[Network, ...] | None:
    """Return the networks of a stored allowlist, or None for an empty one (any address)."""
    return tuple(ip_network(one) for one in allowed) or None


def contains(networks: Sequence[Network], address: str) -> bool:
    """Return whether an address is in one of the networks; False for a malformed address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
