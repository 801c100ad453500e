"""The partner dashboard's pages (contract, section 11)."""

from blacksheep import Application

from cabinet_htmx.partner.site import PartnerSite
from gateway.cabinet.account.sign_in import SignInPages, mount_sign_in
from gateway.cabinet.context import CabinetContext, CabinetPorts
from gateway.cabinet.dispatcher import PageDispatcher, mount_routes
from gateway.cabinet.route_table import TABLE


def mount_cabinet(application: Application, ports: CabinetPorts, site: PartnerSite) -> None:
    """Serve the cabinet."""
    cabinet = CabinetContext(ports, site)
    dispatcher = PageDispatcher(cabinet, TABLE)
    mount_sign_in(application, SignInPages(cabinet, TABLE), dispatcher)
    mount_routes(application, dispatcher, TABLE)
