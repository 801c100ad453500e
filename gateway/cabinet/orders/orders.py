"""`/partner/orders`: the list with its filters, an order's page, and what changes on both."""

from blacksheep import Response

from cabinet_htmx.partner.orders.order_view import order_page_view
from cabinet_htmx.partner.orders.orders_view import PATH as LIST
from cabinet_htmx.partner.orders.orders_view import order_row, orders_view
from cabinet_htmx.partner.site import HEADERS
from domain.cabinet.members import Role
from domain.ids import id_in
from domain.orders.query import PAGE
from gateway.cabinet.orders.export import export
from gateway.cabinet.orders.filters import filters_of
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section
from gateway.http.pages import page

PATH = Section.ORDERS.path
MAX_NEW_COUNTED = 100


async def show_list(visit: PageRequest) -> Response:
    """Show a page of orders."""
    reading, partner_id = visit.cabinet.parts.reading, visit.member.partner_id
    filters = await filters_of(visit)
    older, newer = id_in(visit.query.get("older")), id_in(visit.query.get("newer"))
    found = await reading.orders.page(
        partner_id, filters.wanted, older_than=older, newer_than=newer
    )
    view = orders_view(
        found,
        filters.asked,
        catalogue=reading.catalogue(),
        codes=await reading.codes(partner_id),
        faults=filters.faults,
        is_first=not found.has_newer,
    )
    return visit.page("orders.html", view=view)


async def live_list(visit: PageRequest) -> Response:
    """Answer htmx with how the rows of a page are now, and how many orders are new."""
    orders, partner_id = visit.cabinet.parts.reading.orders, visit.member.partner_id
    filters = await filters_of(visit)
    ids = [id_in(text) for text in visit.query.get("ids", "").split(",")[:PAGE]]
    found = await orders.some(partner_id, [one for one in ids if one is not None])
    than = id_in(visit.query.get("than"))
    fresh = 0 if than is None else await orders.newer(partner_id, filters.wanted, than)
    return visit.page(
        "_orders_live.html",
        rows=[order_row(one) for one in found.values()],
        fresh=fresh,
        most=MAX_NEW_COUNTED,
        path=f"{LIST}?{filters.asked.query()}",
    )


async def show_order(visit: PageRequest) -> Response:
    """Show an order with its timeline and what its partner was told."""
    orders, partner_id = visit.cabinet.parts.reading.orders, visit.member.partner_id
    order_id = visit.id_of("id")
    listed = await orders.one(partner_id, order_id)
    view = order_page_view(listed, await orders.events(partner_id, order_id))
    if not visit.is_htmx:
        return visit.page("order.html", view=view)
    if visit.query.get("seen") == view.seen:
        return page(204, "", HEADERS)
    return visit.page("_order.html", view=view)


ROUTES = (
    Route(method="GET", path=PATH, handle=show_list, role=Role.VIEWER, section=Section.ORDERS),
    Route(
        method="GET",
        path=f"{PATH}-live",
        handle=live_list,
        role=Role.VIEWER,
        section=Section.ORDERS,
    ),
    Route(
        method="GET", path=f"{PATH}.csv", handle=export, role=Role.VIEWER, section=Section.ORDERS
    ),
    Route(
        method="GET",
        path=f"{PATH}/{{id}}",
        handle=show_order,
        role=Role.VIEWER,
        section=Section.ORDERS,
    ),
)
