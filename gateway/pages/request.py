"""What all public pages ask of a request: from where, how often, whose form, which cookie."""

from collections.abc import Sequence
from typing import Final

import msgspec
from blacksheep import Request

from domain.actions.orders.ports import OrderPorts
from domain.actions.partners.ports import ReferralPorts
from gateway.http.client_address import ClientAddresses
from gateway.http.cookies import last_cookie
from gateway.http.rate_limiter import RateLimiter
from gateway.runtime.qr_codes import QrCodes

REFERRAL_SECONDS: Final = 30 * 24 * 60 * 60


class RateLimiters(msgspec.Struct, frozen=True):
    """Who may do how much in a minute: quotes and looks, orders of an address, orders of all."""

    quotes: RateLimiter
    looks: RateLimiter
    orders: RateLimiter
    all_orders: RateLimiter


class PublicContext(msgspec.Struct, frozen=True):
    """What the public doors work with. `secure` says that pages are served over TLS."""

    order_ports: OrderPorts
    qr_codes: QrCodes
    referring: ReferralPorts
    guards: RateLimiters
    addresses: ClientAddresses
    token_keys: Sequence[bytes]
    secure: bool

    @property
    def cookie_name(self) -> str:
        """Return the name of the referral cookie; with TLS no other host can set it."""
        return "__Host-ref" if self.secure else "ref"

    def admit_quote(self, request: Request) -> None:
        """Count a quote; raise RateLimited."""
        self.guards.quotes.admit(self.address_of(request))

    def admit_look(self, request: Request) -> None:
        """Count a look at an order or a status; raise RateLimited."""
        self.guards.looks.admit(f"looks {self.address_of(request)}")

    def admit_order(self, request: Request) -> None:
        """Count an order that is to be opened; raise RateLimited."""
        self.guards.orders.admit(f"orders {self.address_of(request)}")
        self.guards.all_orders.admit("orders of all")

    def address_of(self, request: Request) -> str:
        """Return the client's address."""
        return self.addresses.of_scope(request.scope)

    def referral_of(self, request: Request) -> str | None:
        """Return the referral cookie, unchecked."""
        return last_cookie(request.get_headers(b"Cookie"), self.cookie_name)

    def referral_cookie(self, value: str) -> str:
        """Return the header that has a browser keep a referral."""
        secure = "; Secure" if self.secure else ""
        return (
            f"{self.cookie_name}={value}; Path=/; Max-Age={REFERRAL_SECONDS}; HttpOnly; "
            f"SameSite=Lax{secure}"
        )
