"""Forms and query strings of pages, accepted only from our own origin."""

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from blacksheep import Request

from domain.errors import InvalidCommand

MAX_FIELDS: Final = 40


class CrossSiteForm(Exception):
    """A form was submitted from another origin."""


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form submitted from our own pages; a repeated field's last value wins.

    Raises CrossSiteForm for a form of another origin, InvalidCommand for any other content type.
    """
    check_same_origin(request)
    content_type, _, _ = (request.get_first_header(b"Content-Type") or b"").partition(b";")
    if content_type.strip().lower() != b"application/x-www-form-urlencoded":
        raise InvalidCommand("not a form")
    body = await request.read() or b""
    return _fields(body.decode("latin-1"))


def query_of(request: Request) -> dict[str, str]:
    """Return the parameters of a request's query string; none if it cannot be parsed."""
    try:
        return _fields((request.url.query or b"").decode("latin-1"))
    except InvalidCommand:
        return {}


def check_same_origin(request: Request) -> None:
    """Raise CrossSiteForm unless the request comes from our own origin (CSRF protection).

    Browsers state the origin in Sec-Fetch-Site, older ones in Origin. A client that sends neither
    is not a browser, so no other site can misuse it. Order pages send no referrer, so their Origin
    is `null`; their forms carry the order's token, which no other site knows.
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


def _fields(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError as error:
        raise InvalidCommand(str(error)) from None
    return dict(pairs)
