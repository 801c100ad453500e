"""Referral links of a code, for a pair of one's choice, and their pictures to print."""

import base64
import re
from typing import Final

from blacksheep import Content, Response

from cabinet_htmx.partner.codes_view import CodeView, LinkView, Pair, link_view
from cabinet_htmx.partner.site import HEADERS
from domain.actions.partners.manage_codes import find_code
from domain.cabinet.members import Role
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section

PICTURE: Final = f"{Section.CODES.path}/{{code}}/qr.png"

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:[0-9]{1,5})?")


def origin_of(visit: PageRequest) -> str:
    """Return where links begin: at the host by which the cabinet itself was found."""
    host = (visit.request.get_first_header(b"Host") or b"").decode("latin-1")
    scheme = "https" if visit.cabinet.parts.secure else "http"
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else ""


def show_link(visit: PageRequest, code: CodeView) -> LinkView:
    """Return the link builder as the address of the page asks for it; raise Unavailable."""
    pair = _pair(visit)
    catalogue = visit.cabinet.parts.market.catalogue
    offered = (pair.source, pair.destination) in catalogue.pairs
    return link_view(code, pair, catalogue.active_assets(), is_offered=offered)


async def picture(visit: PageRequest) -> Response:
    """Return the QR code of a link."""
    parts = visit.cabinet.parts
    listed = await find_code(parts.codes, visit.member.partner_id, visit.parameters["code"])
    link = f"{origin_of(visit)}/r/{listed.code.code}{_pair(visit).query}"
    made = await parts.qr_codes.data_url(link)
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    content = Content(b"image/png", base64.b64decode(made.partition(",")[2]))
    return Response(200, [*headers, (b"Cache-Control", b"private, max-age=3600")], content)


def _pair(visit: PageRequest) -> Pair:
    known = {asset.code for asset in visit.cabinet.parts.market.catalogue.active_assets()}
    asked = [visit.query.get(side, "") for side in ("from", "to")]
    source, destination = (code if code in known else "" for code in asked)
    return Pair(source, destination)


ROUTES = (
    Route(method="GET", path=PICTURE, handle=picture, role=Role.VIEWER, section=Section.CODES),
)
