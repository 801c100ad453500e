"""`/r/{code}`: sets the referral cookie, redirects to the swap page (contract, section 10)."""

from urllib.parse import urlencode

import structlog
from blacksheep import Application, Request, Response

from cabinet_htmx.swap.site import SWAP_HEADERS
from domain.actions.partners.refer import follow_link
from domain.errors import RateLimited, Unavailable
from gateway.http.forms import query_of
from gateway.http.pages import redirect
from gateway.pages.request import PublicContext

PREFIX = "/r/"

log = structlog.get_logger()


def mount_referrals(application: Application, context: PublicContext) -> None:
    """Register referral links."""

    async def follow(request: Request) -> Response:
        code = request.url.path.decode("latin-1").removeprefix(PREFIX)
        location = _location(context, request)
        try:
            await context.admit_view(request)
            cookie = await follow_link(context.referral_ports, code)
        except (Unavailable, RateLimited) as error:
            log.warning("referral not stored", reason=str(error))
            cookie = None
        if cookie is None:
            return redirect(302, location, SWAP_HEADERS)
        set_cookie = ("Set-Cookie", context.referral_cookie(cookie))
        return redirect(302, location, SWAP_HEADERS, set_cookie)

    application.router.add_get(f"{PREFIX}{{code}}", follow)
    application.router.add_head(f"{PREFIX}{{code}}", follow)


def _location(context: PublicContext, request: Request) -> str:
    """Return the swap page's URL with the link's known assets; other parameters are dropped."""
    query = query_of(request)
    try:
        known = {asset.code for asset in context.order_ports.market.catalogue.active_assets()}
    except Unavailable:
        known = set()
    pair = {side: query[side] for side in ("from", "to") if query.get(side) in known}
    return f"/?{urlencode(pair)}" if pair else "/"
