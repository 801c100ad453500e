"""What the public pages share: ports, rate limits, client addresses and the referral cookie."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from blacksheep import Request

from domain.actions.orders.ports import OrderPorts
from domain.actions.partners.open_for_visitor import client_hash
from domain.actions.partners.ports import ReferralPorts
from gateway.http.client_address import ClientAddresses
from gateway.http.cookies import RepeatedCookie, cookie_of, set_cookie
from gateway.http.rate_limiter import RateLimiter
from gateway.runtime.qr_codes import QrCodes

REFERRAL_SECONDS: Final = 30 * 24 * 60 * 60


class RateLimiters(msgspec.Struct, frozen=True):
    """Limits of quotes, page views and orders."""

    quotes: RateLimiter
    views: RateLimiter
    orders: RateLimiter


class PublicContext(msgspec.Struct, frozen=True):
    """The dependencies of the public pages. `secure` means that they are served over TLS."""

    order_ports: OrderPorts
    qr_codes: QrCodes
    referral_ports: ReferralPorts
    rate_limiters: RateLimiters
    addresses: ClientAddresses
    token_keys: Callable[[], Sequence[bytes]]
    client_keys: Callable[[], Sequence[bytes]]
    secure: bool

    @property
    def cookie_name(self) -> str:
        """Return the name of the referral cookie; over TLS, its prefix binds it to this host."""
        return "__Host-ref" if self.secure else "ref"

    async def admit_quote(self, request: Request) -> None:
        """Count a quote; raise RateLimited."""
        await self.rate_limiters.quotes.admit(self.addresses.sources_of_scope(request.scope))

    async def admit_view(self, request: Request) -> None:
        """Count a view of an order or a status; raise RateLimited."""
        await self.rate_limiters.views.admit(self.addresses.sources_of_scope(request.scope))

    async def admit_order(self, request: Request) -> None:
        """Count an attempt to create an order; raise RateLimited."""
        await self.rate_limiters.orders.admit(self.addresses.sources_of_scope(request.scope))

    def clients_of(self, request: Request) -> list[bytes]:
        """Return keyed hashes of the networks that unpaid orders of the client count for."""
        key = self.client_keys()[0]
        sources = self.addresses.sources_of_scope(request.scope)
        return [client_hash(key, one.name) for one in sources]

    def referral_of(self, request: Request) -> str | None:
        """Return the referral cookie, not yet verified; None if several were sent.

        A swap does not fail because of its attribution.
        """
        try:
            return cookie_of(request.get_headers(b"Cookie"), self.cookie_name)
        except RepeatedCookie:
            return None

    def referral_cookie(self, value: str) -> str:
        """Return the Set-Cookie value that stores a referral."""
        return set_cookie(
            self.cookie_name, value, path="/", seconds=REFERRAL_SECONDS, secure=self.secure
        )
