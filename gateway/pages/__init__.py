"""The public doors: referral links, the swap page, an order's page, a status. No signatures."""

from blacksheep import Application

from cabinet_htmx.swap.site import SwapSite
from gateway.http.static import Handler
from gateway.pages.errors import answering, mount_brand
from gateway.pages.orders import OrderPages, mount_orders
from gateway.pages.referral import mount_referrals
from gateway.pages.request import PublicContext
from gateway.pages.swap import SwapPages, mount_swap


def mount_public_pages(
    application: Application, entrance: PublicContext, site: SwapSite, *, refuse_path: Handler
) -> None:
    """Serve all public pages; `refuse_path` answers for files that aren't there."""
    answered = answering(site)
    mount_swap(application, SwapPages(entrance, site), answered=answered)
    mount_orders(application, OrderPages(entrance, site), answered=answered)
    mount_referrals(application, entrance)
    mount_brand(application, site, refuse_path=refuse_path)
