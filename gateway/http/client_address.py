"""The address of the client, also behind the operator's own reverse proxies."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from domain.partners.ip_allowlist import Network
from domain.partners.unsigned_limits import Sources, sources_of
from gateway.http.message import RequestHeaders, request_headers


def peer_of(scope: Any) -> str:
    """Return the peer's address from an ASGI scope; empty where there is none (a Unix socket)."""
    client: tuple[str, int] | None = scope["client"]
    return client[0] if client else ""


class ClientAddresses:
    """Determines the client's address from the peer's, and from X-Forwarded-For of trusted proxies.

    Each proxy appends the address it was called from. The client is the right-most address that
    is not a trusted proxy; anything to its left was sent by the client and proves nothing.
    """

    def __init__(self, trusted_proxies: Sequence[Network] = ()) -> None:
        self._trusted = trusted_proxies

    def of_scope(self, scope: Any) -> str:
        """Return `of` for a request given by its ASGI scope."""
        return self.of(peer_of(scope), request_headers(scope["headers"]))

    def of(self, peer: str, headers: RequestHeaders) -> str:
        """Return the address to count calls by: of IPv6 its /64, `peer` if it is not an address."""
        return self.sources(peer, headers)[0].name

    def sources_of_scope(self, scope: Any) -> Sources:
        """Return `sources` of a request given by its ASGI scope."""
        return self.sources(peer_of(scope), request_headers(scope["headers"]))

    def sources(self, peer: str, headers: RequestHeaders) -> Sources:
        """Return what unsigned calls and orders of the client count for."""
        address = self.exact(peer, headers)
        return sources_of(address if address is peer or _is_address(address) else peer)

    def exact(self, peer: str, headers: RequestHeaders) -> str:
        """Return the client's address as text; not necessarily a valid address."""
        address = peer
        forwarded_for = headers.get(b"x-forwarded-for")
        if forwarded_for is not None and self._is_trusted(peer):
            # A repeated header is one list (RFC 9110, 5.3); `request_headers` joins by line feeds.
            hops = forwarded_for.decode("latin-1").replace("\n", ",").split(",")
            for hop in reversed(hops):
                address = hop.strip()
                if not self._is_trusted(address):
                    break
        return address

    def of_connection(self, peer: str) -> str | None:
        """Return the address to count connections by; None if the peer is a trusted proxy."""
        return None if self._is_trusted(peer) else sources_of(peer)[0].name

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
