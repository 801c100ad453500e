"""The public pages, which need no signature: swap, order, status and referral links."""

from blacksheep import Application

from cabinet_htmx.swap.site import SwapSite
from gateway.http.blacksheep import Handler
from gateway.pages.errors import error_page_wrapper, mount_brand
from gateway.pages.orders import OrderPages, mount_orders
from gateway.pages.referral import mount_referrals
from gateway.pages.request import PublicContext
from gateway.pages.swap import SwapPages, mount_swap


def mount_public_pages(
    application: Application, context: PublicContext, site: SwapSite, *, not_found: Handler
) -> None:
    """Register all public pages; `not_found` handles requests for a file that does not exist."""
    wrap = error_page_wrapper(site)
    mount_swap(application, SwapPages(context, site), wrap=wrap)
    mount_orders(application, OrderPages(context, site), wrap=wrap)
    mount_referrals(application, context)
    mount_brand(application, site, not_found=not_found)
