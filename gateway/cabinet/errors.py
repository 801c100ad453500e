"""Errors of the cabinet's pages, and the pages that they are rendered as."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import structlog
from blacksheep import Request, Response

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.layout import Layout
from cabinet_htmx.partner.site import HEADERS, PartnerSite
from domain.errors import DomainError, Unavailable
from gateway.errors import error_response
from gateway.http.cookies import RepeatedCookie
from gateway.http.forms import CrossSiteForm
from gateway.http.pages import page, retry_after

log = structlog.get_logger()


class RoleNotSufficient(Exception):
    """The member's role does not permit the request."""


class SecondFactorRequired(Exception):
    """The request requires a code, and the member has no second factor."""


class TooManyExports(Exception):
    """The partner has as many exports in progress as are allowed."""


EXPORT_RETRY_SECONDS: Final = 30


class _Row(NamedTuple):
    status: int
    message: messages.Message
    retry_seconds: int | None = None


_ROWS: Final[Mapping[type[Exception], _Row]] = {
    RoleNotSufficient: _Row(403, messages.ROLE_NOT_SUFFICIENT),
    SecondFactorRequired: _Row(403, messages.SECOND_FACTOR_REQUIRED),
    CrossSiteForm: _Row(403, messages.CROSS_SITE_FORM),
    RepeatedCookie: _Row(400, messages.REPEATED_COOKIE),
    TooManyExports: _Row(429, messages.TOO_MANY_EXPORTS, EXPORT_RETRY_SECONDS),
}
PAGE_ERRORS: Final[tuple[type[Exception], ...]] = (*_ROWS, DomainError)
"""What `error_page` renders."""


def error_page(
    site: PartnerSite, raw: Request, layout: Layout | None, error: Exception
) -> Response:
    """Return one of PAGE_ERRORS as a page, or as a notice for htmx.

    `layout` is None if nobody signed in.
    """
    row = _row_of(error)
    if isinstance(error, Unavailable):
        log.warning("unavailable", path=raw.path, reason=str(error))
    if raw.get_first_header(b"HX-Request"):
        html = site.public_page("_notice.html", text=row.message.text)
    elif layout is None:
        html = site.public_page("message.html", message=row.message)
    else:
        needs_setup = isinstance(error, SecondFactorRequired)
        template = "account/second_factor_required.html" if needs_setup else "error.html"
        html = site.page(template, layout, message=row.message)
    return page(row.status, html, HEADERS, *retry_after(row.retry_seconds))


def _row_of(error: Exception) -> _Row:
    if not isinstance(error, DomainError):
        return _ROWS[type(error)]
    response = error_response(error)
    return _Row(response.status, messages.error_message(error), response.retry_after)
