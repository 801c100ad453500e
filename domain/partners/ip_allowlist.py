"""From which networks a partner's calls may come."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from domain.errors import InvalidRequest

Network = IPv4Network | IPv6Network

MAX_NETWORKS: Final = 50
MAX_LIST_LENGTH: Final = 5_000


class InvalidAllowlist(InvalidRequest):
    """Something in a list of networks can't be one; `entry` is what."""

    def __init__(self, entry: str, why: str) -> None:
        super().__init__(f"{entry!r}: {why}")
        self.entry = entry
        self.why = why


def parse_allowed(text: str) -> list[str]:
    """Return networks and addresses, one a line or separated by commas, each once and in CIDR form.

    Raises InvalidAllowlist for the first that isn't one, and for too many.
    """
    found: dict[str, None] = {}
    for entry in re.split(r"[\s,;]+", text[:MAX_LIST_LENGTH]):
        if entry:
            found[str(_network(entry))] = None
    if len(found) > MAX_NETWORKS or len(text) > MAX_LIST_LENGTH:
        raise InvalidAllowlist(entry, f"at most {MAX_NETWORKS} entries")
    return list(found)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return networks written as `10.0.0.0/8, ::1`; raise ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _network(entry: str) -> Network:
    try:
        network = ip_network(entry)
    except ValueError as error:
        if "host bits" in str(error):
            meant = ip_network(entry, strict=False)
            raise InvalidAllowlist(entry, f"did you mean {meant}?") from None
        raise InvalidAllowlist(entry, "not an address or network") from None
    mapped = network.network_address
    if network.version == 6 and mapped in ip_network("::ffff:0:0/96"):
        raise InvalidAllowlist(entry, "write IPv4 addresses as such")
    return network


def networks_of(allowed: Sequence[str]) -> tuple[Network, ...] | None:
    """Return a list as it is kept, ready to be looked at; None where it is empty: anywhere."""
    return tuple(ip_network(one) for one in allowed) or None


def contains(networks: Sequence[Network], address: str) -> bool:
    """Tell whether an address is in one of the networks; what isn't an address isn't."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
