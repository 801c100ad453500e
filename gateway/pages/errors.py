"""Pages for what goes wrong: visitors aren't sent envelopes."""

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
from gateway.http.pages import page
from gateway.http.static import assets_missing, static_files

CROSS_SITE: Final = (
    "This form wasn't sent from our own page. Please open the page anew and try again."
)
NO_ORDER: Final = (
    "There is no such order, or its address is incomplete. Please use the whole address that you "
    "were given when you opened it."
)

log = structlog.get_logger()


def answering(site: SwapSite) -> Callable[[Handler], Handler]:
    """Return what makes a handler answer refusals with pages, and htmx with a sentence."""

    def answered(handle: Handler) -> Handler:
        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except CrossSiteForm:
                return page(403, site.message("Please try again", CROSS_SITE), ORDER_HEADERS)
            except (NotFound, InvalidTransition):
                said = site.message("No such order", NO_ORDER)
                return page(404, said, ORDER_HEADERS)
            except DomainError as error:
                return _refused(site, request, error)
            except AssetMissing as missing:
                log.warning("pages can't be made", reason=str(missing))
                return assets_missing(request)

        return handled

    return answered


def _refused(site: SwapSite, request: Request, error: DomainError) -> Response:
    if isinstance(error, Unavailable):
        log.warning("unavailable", path=request.path, reason=str(error))
    answer, said = error_response(error), sentences.problem(error)
    wait = [("Retry-After", str(answer.retry_after))] if answer.retry_after is not None else []
    if request.get_first_header(b"HX-Request"):
        return page(answer.status, site.notice(said), ORDER_HEADERS, *wait)
    return page(answer.status, site.message("Not at the moment", said), ORDER_HEADERS, *wait)


def mount_brand(application: Application, site: SwapSite, *, not_found: Handler) -> None:
    """Serve the operator's colours and logo."""
    brand = site.brand
    files = {brand.style_address: brand.style}
    if brand.logo is not None and brand.logo_address is not None:
        files[brand.logo_address] = brand.logo
    serve = static_files(files, not_found=not_found)
    application.router.add_get("/brand/{file}", serve)
    application.router.add_head("/brand/{file}", serve)
