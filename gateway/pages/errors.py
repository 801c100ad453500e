"""Error pages: browsers receive HTML instead of the API's JSON envelope."""

from collections.abc import Callable
from typing import Final

import structlog
from blacksheep import Application, Request, Response

from cabinet_htmx.shared.assets import AssetMissing
from cabinet_htmx.swap import sentences
from cabinet_htmx.swap.site import ORDER_HEADERS, SwapSite
from domain.errors import DomainError, InvalidTransition, NotFound, Unavailable
from gateway.errors import error_response
from gateway.http.blacksheep import Handler
from gateway.http.forms import CrossSiteForm
from gateway.http.pages import page, retry_after
from gateway.http.static import assets_missing, static_files

CROSS_SITE: Final = "This form was not submitted from our website. Reload the page and try again."
NO_ORDER: Final = (
    "This order does not exist, or the link is incomplete. Use the full link you received when you "
    "created the order."
)

log = structlog.get_logger()


def error_page_wrapper(site: SwapSite) -> Callable[[Handler], Handler]:
    """Return a decorator that turns domain errors into pages, or into a notice for htmx."""

    def wrap(handle: Handler) -> Handler:
        async def respond(request: Request) -> Response:
            try:
                return await handle(request)
            except CrossSiteForm:
                return page(403, site.message("Something went wrong", CROSS_SITE), ORDER_HEADERS)
            except (NotFound, InvalidTransition):
                return page(404, site.message("Order not found", NO_ORDER), ORDER_HEADERS)
            except DomainError as error:
                return _domain_error_page(site, request, error)
            except AssetMissing as missing:
                log.warning("static files are missing", reason=str(missing))
                return assets_missing(request)

        return respond

    return wrap


def _domain_error_page(site: SwapSite, request: Request, error: DomainError) -> Response:
    if isinstance(error, Unavailable):
        log.warning("unavailable", path=request.path, reason=str(error))
    response, text = error_response(error), sentences.problem(error)
    headers = retry_after(response.retry_after)
    if request.get_first_header(b"HX-Request"):
        return page(response.status, site.notice(text), ORDER_HEADERS, *headers)
    return page(
        response.status, site.message(sentences.heading(error), text), ORDER_HEADERS, *headers
    )


def mount_brand(application: Application, site: SwapSite, *, not_found: Handler) -> None:
    """Register the operator's style sheet and logo."""
    brand = site.brand
    files = {brand.style_address: brand.style}
    if brand.logo is not None and brand.logo_address is not None:
        files[brand.logo_address] = brand.logo
    serve = static_files(files, not_found=not_found)
    application.router.add_get("/brand/{file}", serve)
    application.router.add_head("/brand/{file}", serve)
