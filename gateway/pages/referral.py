"""`/r/{code}`: remembers who sent a visitor, and leads to the swap page (contract, section 10)."""

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


def mount_referrals(application: Application, entrance: PublicContext) -> None:
    """Serve referral links."""

    async def follow(request: Request) -> Response:
        code = request.url.path.decode("latin-1").removeprefix(PREFIX)
        location = _location(entrance, request)
        try:
            entrance.admit_look(request)
            cookie = await follow_link(entrance.referring, code)
        except (Unavailable, RateLimited) as error:
            log.warning("a referral is not remembered", reason=str(error))
            cookie = None
        if cookie is None:
            return redirect(302, location, SWAP_HEADERS)
        kept = ("Set-Cookie", entrance.referral_cookie(cookie))
        return redirect(302, location, SWAP_HEADERS, kept)

    application.router.add_get(f"{PREFIX}{{code}}", follow)
    application.router.add_head(f"{PREFIX}{{code}}", follow)


def _location(entrance: PublicContext, request: Request) -> str:
    """Return the swap page, with the assets that there are: nothing else of the link goes on."""
    asked = query_of(request)
    try:
        known = {asset.code for asset in entrance.order_ports.market.catalogue.active_assets()}
    except Unavailable:
        known = set()
    pair = {side: asked[side] for side in ("from", "to") if asked.get(side) in known}
    return f"/?{urlencode(pair)}" if pair else "/"
