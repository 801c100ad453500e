"""What all public pages ask of a request: from where, how often, whose form, which cookie."""

from collections.abc import Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import msgspec
from blacksheep import Content, Request, Response

from domain.actions.partners.ports import ReferralPorts
from domain.errors import InvalidRequest
from gateway.api.endpoint import Services
from gateway.http.client_address import ClientAddresses
from gateway.http.rate_limiter import RateLimiter

MAX_FIELDS: Final = 40
REFERRAL_SECONDS: Final = 30 * 24 * 60 * 60
HTML: Final = b"text/html; charset=utf-8"

Headers = Mapping[str, str]


class CrossSiteForm(Exception):
    """A form that another site has sent."""


class RateLimiters(msgspec.Struct, frozen=True):
    """Who may do how much in a minute: quotes and looks, orders of an address, orders of all."""

    quotes: RateLimiter
    looks: RateLimiter
    orders: RateLimiter
    all_orders: RateLimiter


class PublicContext(msgspec.Struct, frozen=True):
    """What the public doors work with. `secure` says that pages are served over TLS."""

    services: Services
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
        peer = request.scope["client"]
        forwarded = ",".join(
            value.decode("latin-1") for value in request.get_headers(b"X-Forwarded-For")
        )
        return self.addresses.of(peer[0] if peer else "", forwarded or None)

    def referral_of(self, request: Request) -> str | None:
        """Return the referral cookie, unchecked."""
        for header in request.get_headers(b"Cookie"):
            try:
                found = SimpleCookie(header.decode("latin-1")).get(self.cookie_name)
            except CookieError:
                continue
            if found is not None:
                return found.value
        return None

    def referral_cookie(self, value: str) -> str:
        """Return the header that has a browser keep a referral."""
        secure = "; Secure" if self.secure else ""
        return (
            f"{self.cookie_name}={value}; Path=/; Max-Age={REFERRAL_SECONDS}; HttpOnly; "
            f"SameSite=Lax{secure}"
        )


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form that our own page has sent, each once.

    Raises CrossSiteForm for another site's, InvalidRequest for what isn't a form.
    """
    check_own(request)
    kind = (request.get_first_header(b"Content-Type") or b"").partition(b";")[0].strip().lower()
    if kind != b"application/x-www-form-urlencoded":
        raise InvalidRequest("not a form")
    body = await request.read() or b""
    return _fields(body.decode("latin-1"))


def query_of(request: Request) -> dict[str, str]:
    """Return the parameters of a request's address; none where they make no sense."""
    try:
        return _fields((request.url.query or b"").decode("latin-1"))
    except InvalidRequest:
        return {}


def check_own(request: Request) -> None:
    """Raise CrossSiteForm unless the request comes from a page of ours.

    Browsers say where from in Sec-Fetch-Site, older ones in Origin; whoever says neither isn't a
    browser that somebody else could misuse. An order's page, which tells nobody where it is, has a
    null Origin: its forms carry the token, which no other site knows.
    """
    site = request.get_first_header(b"Sec-Fetch-Site")
    if site is not None:
        if site != b"same-origin":
            raise CrossSiteForm
        return
    origin = request.get_first_header(b"Origin")
    if origin is None:
        return
    host = request.get_first_header(b"Host") or b""
    if urlsplit(origin.decode("latin-1")).netloc.lower() != host.decode("latin-1").lower():
        raise CrossSiteForm


def page(status: int, html: str, headers: Headers, *more: tuple[str, str]) -> Response:
    """Return a page that nobody keeps: it shows what is so now, to whom it belongs."""
    every = [*headers.items(), ("Cache-Control", "no-store"), *more]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in every]
    return Response(status, encoded, Content(HTML, html.encode()))


def redirect(status: int, location: str, headers: Headers, *more: tuple[str, str]) -> Response:
    """Return a redirect to a path of ours."""
    every = [*headers.items(), ("Location", location), ("Cache-Control", "no-store"), *more]
    return Response(status, [(name.encode(), value.encode("latin-1")) for name, value in every])


def _fields(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
    return dict(pairs)
