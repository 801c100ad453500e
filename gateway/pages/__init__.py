"""The public doors: referral links, the swap page, an order's page, a status. No signatures."""

from blacksheep import Application

from cabinet_htmx.swap.site import SwapSite
from gateway.http.blacksheep import Handler
from gateway.pages.errors import answering, mount_brand
from gateway.pages.orders import OrderPages, mount_orders
from gateway.pages.referral import mount_referrals
from gateway.pages.request import PublicContext
from gateway.pages.swap import SwapPages, mount_swap


def mount_public_pages(
    application: Application, entrance: PublicContext, site: SwapSite, *, not_found: Handler
) -> None:
    """Serve all public pages; `not_found` responds for a file that does not exist."""
    answered = answering(site)
    mount_swap(application, SwapPages(entrance, site), answered=answered)
    mount_orders(application, OrderPages(entrance, site), answered=answered)
    mount_referrals(application, entrance)
    mount_brand(application, site, not_found=not_found)
