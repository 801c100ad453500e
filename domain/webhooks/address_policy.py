"""Which addresses events may be sent to: public ones, and private ones if the operator allows it.

The special-purpose networks are those of IANA's registries (RFC 6890 and updates), rather than
those of `ipaddress` alone, which differ between versions of Python.
"""

import re
from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
MayConnect = Callable[[Address], bool]

_SPECIAL_V4: Final = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers' customers (CGNAT)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the clouds' metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "168.63.129.16/32",  # Azure's platform service, although in public address space
    )
]

_GLOBAL_V6: Final = IPv6Network("2000::/3")
"""All globally routed addresses. Mapped and compatible IPv4, NAT64, unique local, link-local,
site-local, multicast, discard-only, segment routing, loopback and unspecified are outside it."""

_SPECIAL_V6: Final = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, AMT, ORCHID ...
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # 6bone
        "3fff::/20",  # documentation
    )
]

_PRIVATE: Final = [
    ip_network(network)
    for network in (
        "10.0.0.0/8",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
]

_METADATA: Final = [
    ip_network(network)
    for network in (
        "fd00:ec2::/32",  # Amazon's local services
        "fd20:ce::/32",  # Google's
        "fd00:42::/32",  # Scaleway's
        "fd00:a9fe:a9fe::/48",  # 169.254.169.254, elsewhere
    )
]
"""Unique local addresses of cloud metadata services, which serve secrets: never permitted."""

_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


def is_public(address: Address) -> bool:
    """Return whether an address is a globally routed one without a special purpose."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _SPECIAL_V4)
    embeds_ipv4 = (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
    return (
        address in _GLOBAL_V6
        and address.is_global
        and address.scope_id is None
        and not embeds_ipv4
        and not any(address in network for network in _SPECIAL_V6)
    )


def is_public_or_private(address: Address) -> bool:
    """Return whether an address is public, of a private network, or this machine itself.

    Link-local, multicast, mapped and translated addresses and metadata services are not.
    """
    if is_public(address):
        return True
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    private = any(address in network for network in _PRIVATE if network.version == address.version)
    return private and not any(address in network for network in _METADATA)


def literal_address(host: str) -> Address | None:
    """Return the address that a URL's host is; None where the host is a name.

    Raises ValueError for a non-standard form that some resolvers accept as an address: 2130706433,
    0x7f.1, 0177.0.0.1, 127.1 (the URL Standard's "ends in a number").
    """
    if ":" in host:
        return ip_address(host)
    labels = host.lower().removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]) is None:
        return None
    return IPv4Address(host)
