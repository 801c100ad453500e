"""The partner dashboard's pages (contract, section 11)."""

from blacksheep import Application

from cabinet_htmx.partner.site import PartnerSite
from gateway.cabinet.account.password_reset import PasswordResetPages
from gateway.cabinet.account.sign_in import SignInPages, mount_signed_out
from gateway.cabinet.context import CabinetContext, CabinetPorts
from gateway.cabinet.dispatcher import PageDispatcher, mount_routes
from gateway.cabinet.route_table import TABLE


def mount_cabinet(application: Application, ports: CabinetPorts, site: PartnerSite) -> None:
    """Serve the cabinet."""
    cabinet = CabinetContext(ports, site)
    dispatcher = PageDispatcher(cabinet, TABLE)
    pages = (SignInPages(cabinet, TABLE), PasswordResetPages(cabinet))
    mount_signed_out(application, [one for page in pages for one in page.routes()], dispatcher)
    mount_routes(application, dispatcher, TABLE)
