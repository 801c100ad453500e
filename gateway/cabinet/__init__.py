"""The partner's cabinet, for people in a browser (contract, section 11)."""

from blacksheep import Application

from cabinet_htmx.partner.site import PartnerSite
from gateway.cabinet.account.sign_in import SignInDoor, mount_sign_in
from gateway.cabinet.context import Cabinet, CabinetParts
from gateway.cabinet.dispatcher import CabinetDoor, mount_routes
from gateway.cabinet.route_table import TABLE


def mount_cabinet(application: Application, parts: CabinetParts, site: PartnerSite) -> None:
    """Serve the cabinet."""
    cabinet = Cabinet(parts, site)
    door = CabinetDoor(cabinet, TABLE)
    mount_sign_in(application, SignInDoor(cabinet, TABLE), door)
    mount_routes(application, door, TABLE)
