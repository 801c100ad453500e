"""Which address a call comes from, also behind the operator's own proxies."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network

from domain.partners.ip_allowlist import Network

IPV6_PREFIX = 64
"""What a single customer of a provider has at least: one address of it is as good as another."""


def parse_networks(text: str) -> tuple[Network, ...]:
    """Return networks written as `10.0.0.0/8, ::1`; raise ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


class ClientAddresses:
    """Tells the client's address from the peer's, and from X-Forwarded-For where it can be trusted.

    Proxies append the address they were called from: the right-most that is no proxy of ours is
    the client. Whatever a client wrote there itself stands further left.
    """

    def __init__(self, trusted_proxies: Sequence[Network] = ()) -> None:
        self._trusted = trusted_proxies

    def of(self, peer: str, forwarded_for: str | None) -> str:
        """Return the client's address; of IPv6 its /64, and `peer` where that isn't an address."""
        return _grouped(self.exact(peer, forwarded_for), otherwise=peer)

    def exact(self, peer: str, forwarded_for: str | None) -> str:
        """Return the client's address as it was told, whatever that is."""
        address = peer
        if forwarded_for is not None and self._is_trusted(peer):
            for hop in reversed(forwarded_for.split(",")):
                address = hop.strip()
                if not self._is_trusted(address):
                    break
        return address

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _grouped(text: str, *, otherwise: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return otherwise
    if not isinstance(address, IPv6Address):
        return text
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, IPV6_PREFIX), strict=False))
