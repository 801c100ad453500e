"""Responses that carry a page, or that redirect to one."""

from collections.abc import Mapping
from typing import Final

from blacksheep import Content, Response

HTML: Final = b"text/html; charset=utf-8"

Headers = Mapping[str, str]


def page(status: int, html: str, headers: Headers, *more: tuple[str, str]) -> Response:
    """Return a page that is never cached: its content is current and belongs to one person."""
    fields = [*headers.items(), ("Cache-Control", "no-store"), *more]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    return Response(status, encoded, Content(HTML, html.encode()))


def retry_after(seconds: int | None) -> list[tuple[str, str]]:
    """Return the header that states after how long to try again; none without a time."""
    return [] if seconds is None else [("Retry-After", str(seconds))]


def redirect(status: int, location: str, headers: Headers, *more: tuple[str, str]) -> Response:
    """Return a redirect to one of our own paths."""
    fields = [*headers.items(), ("Location", location), ("Cache-Control", "no-store"), *more]
    return Response(status, [(name.encode(), value.encode("latin-1")) for name, value in fields])
