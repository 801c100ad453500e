"""The partner's cabinet, for people in a browser (contract, section 11)."""

from blacksheep import Application

from cabinet_htmx.partner.site import PartnerSite
from gateway.cabinet.account.sign_in import SignInPages, mount_sign_in
from gateway.cabinet.context import CabinetContext, CabinetPorts
from gateway.cabinet.dispatcher import PageDispatcher, mount_routes
from gateway.cabinet.route_table import TABLE


def mount_cabinet(application: Application, parts: CabinetPorts, site: PartnerSite) -> None:
    """Serve the cabinet."""
    cabinet = CabinetContext(parts, site)
    door = PageDispatcher(cabinet, TABLE)
    mount_sign_in(application, SignInPages(cabinet, TABLE), door)
    mount_routes(application, door, TABLE)
