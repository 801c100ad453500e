"""The partner's cabinet, for people in a browser (contract, section 11)."""

from blacksheep import Application

from cabinet_htmx.partner.site import PartnerSite
from gateway.cabinet.door import CabinetDoor, mount_routes
from gateway.cabinet.entrance import Cabinet, CabinetParts
from gateway.cabinet.pages import TABLE
from gateway.cabinet.sign_in import SignInDoor, mount_sign_in


def mount_cabinet(application: Application, parts: CabinetParts, site: PartnerSite) -> None:
    """Serve the cabinet."""
    cabinet = Cabinet(parts, site)
    door = CabinetDoor(cabinet, TABLE)
    mount_sign_in(application, SignInDoor(cabinet, TABLE), door)
    mount_routes(application, door, TABLE)
