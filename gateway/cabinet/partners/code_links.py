"""Referral links of a code, optionally for a pair, and their QR codes."""

import base64
from typing import Final

from blacksheep import Content, Response

from cabinet_htmx.partner.codes.code_view import CodeView
from cabinet_htmx.partner.codes.link_view import LinkView, Pair, link_view
from cabinet_htmx.partner.site import HEADERS
from domain.actions.partners.manage_codes import find_code
from domain.cabinet.members import Role
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section

QR_CODE: Final = f"{Section.CODES.path}/{{code}}/qr.png"


def show_link(request: PageRequest, code: CodeView) -> LinkView:
    """Return the link builder for the pair in the query string. Raises Unavailable."""
    pair = _pair(request)
    catalogue = request.ports.market.catalogue
    available = (pair.source, pair.destination) in catalogue.pairs
    return link_view(code, pair, catalogue.active_assets(), is_available=available)


async def show_qr_code(request: PageRequest) -> Response:
    """Return the QR code of a link as PNG."""
    listed = await find_code(request.ports.codes, request.partner_id, request.parameters["code"])
    link = f"{request.origin}/r/{listed.code.code}{_pair(request).query}"
    data_url = await request.ports.qr_codes.data_url(link)
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    content = Content(b"image/png", base64.b64decode(data_url.partition(",")[2]))
    return Response(200, [*headers, (b"Cache-Control", b"private, max-age=3600")], content)


def _pair(request: PageRequest) -> Pair:
    known = {asset.code for asset in request.ports.market.catalogue.active_assets()}
    codes = [request.query.get(side, "") for side in ("from", "to")]
    source, destination = (code if code in known else "" for code in codes)
    return Pair(source, destination)


ROUTES = (
    Route(method="GET", path=QR_CODE, handle=show_qr_code, role=Role.VIEWER, section=Section.CODES),
)
