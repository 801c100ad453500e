"""Errors of the cabinet's pages, and the pages that they are rendered as."""

from typing import Final

import structlog
from blacksheep import Request, Response

from cabinet_htmx.partner import messages
from cabinet_htmx.partner.layout import Layout
from cabinet_htmx.partner.site import HEADERS, PartnerSite
from domain.errors import DomainError, Unavailable
from gateway.errors import error_response
from gateway.http.cookies import RepeatedCookie
from gateway.http.forms import CrossSiteForm
from gateway.http.pages import page

log = structlog.get_logger()


class RoleNotSufficient(Exception):
    """The member's role does not permit the request."""


class SecondFactorRequired(Exception):
    """The request requires a code, and the member has no second factor."""


class TooManyExports(Exception):
    """The partner has as many exports in progress as are allowed."""


PageError = (
    RoleNotSufficient
    | SecondFactorRequired
    | CrossSiteForm
    | RepeatedCookie
    | TooManyExports
    | DomainError
)
PAGE_ERRORS: Final = (
    RoleNotSufficient,
    SecondFactorRequired,
    CrossSiteForm,
    TooManyExports,
    DomainError,
)
EXPORT_RETRY_SECONDS: Final = 30


def error_page(
    site: PartnerSite, raw: Request, layout: Layout | None, error: PageError
) -> Response:
    """Return an error as a page, or as a notice for htmx; `layout` is None if nobody signed in."""
    status, retry_after = 400 if isinstance(error, RepeatedCookie) else 403, None
    if isinstance(error, TooManyExports):
        status, retry_after = 429, EXPORT_RETRY_SECONDS
    if isinstance(error, DomainError):
        row = error_response(error)
        status, retry_after = row.status, row.retry_after
    if isinstance(error, Unavailable):
        log.warning("unavailable", path=raw.path, reason=str(error))
    message = _message_of(error)
    more = [("Retry-After", str(retry_after))] if retry_after is not None else []
    if raw.get_first_header(b"HX-Request"):
        html = site.public_page("_notice.html", text=message.text)
    elif layout is None:
        html = site.public_page("message.html", message=message)
    else:
        needs_setup = isinstance(error, SecondFactorRequired)
        template = "account/second_factor_required.html" if needs_setup else "error.html"
        html = site.page(template, layout, message=message)
    return page(status, html, HEADERS, *more)


def _message_of(error: PageError) -> messages.Message:
    if isinstance(error, RoleNotSufficient):
        return messages.ROLE_NOT_SUFFICIENT
    if isinstance(error, SecondFactorRequired):
        return messages.SECOND_FACTOR_REQUIRED
    if isinstance(error, RepeatedCookie):
        return messages.REPEATED_COOKIE
    if isinstance(error, CrossSiteForm):
        return messages.CROSS_SITE_FORM
    if isinstance(error, TooManyExports):
        return messages.TOO_MANY_EXPORTS
    return messages.error_message(error)
