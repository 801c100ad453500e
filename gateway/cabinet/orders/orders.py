"""`/partner/orders`: the list with its filters, an order's page, and live updates of both."""

from blacksheep import Response

from cabinet_htmx.partner.orders.order_view import order_page_view
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


async def show_list(request: PageRequest) -> Response:
    """Show a page of orders."""
    queries = request.ports.queries
    selection = await filters_of(request)
    older, newer = id_in(request.query.get("older")), id_in(request.query.get("newer"))
    orders = await queries.orders.page(
        request.partner_id, selection.filters, older_than=older, newer_than=newer
    )
    view = orders_view(
        orders,
        selection.form,
        catalogue=queries.catalogue(),
        codes=await queries.codes(request.partner_id),
        errors=selection.errors,
        is_first=not orders.has_newer,
    )
    return request.page("orders/orders.html", view=view)


async def update_list(request: PageRequest) -> Response:
    """Return the current state of displayed rows, and how many orders are new, as fragments."""
    orders = request.ports.queries.orders
    selection = await filters_of(request)
    ids = [id_in(text) for text in request.query.get("ids", "").split(",")[:PAGE]]
    listed = await orders.by_ids(request.partner_id, [one for one in ids if one is not None])
    newest = id_in(request.query.get("than"))
    new_count = 0
    if newest is not None:
        new_count = await orders.count_newer(request.partner_id, selection.filters, newest)
    return request.page(
        "orders/_orders_live.html",
        rows=[order_row(one) for one in listed.values()],
        new_count=new_count,
        max_counted=MAX_NEW_COUNTED,
        path=f"{PATH}?{selection.form.query()}",
    )


async def show_order(request: PageRequest) -> Response:
    """Show an order with its timeline and its webhook events."""
    orders = request.ports.queries.orders
    order_id = request.id_of("id")
    listed = await orders.find(request.partner_id, order_id)
    view = order_page_view(listed, await orders.events(request.partner_id, order_id))
    if not request.is_htmx:
        is_sandbox = request.ports.sandbox is not None
        can_simulate = is_sandbox and request.member.role.includes(Role.DEVELOPER)
        return request.page("orders/order.html", view=view, can_simulate=can_simulate)
    if request.query.get("seen") == view.version:
        return page(204, "", HEADERS)
    return request.page("orders/_order.html", view=view)


ROUTES = (
    Route(method="GET", path=PATH, handle=show_list, role=Role.VIEWER, section=Section.ORDERS),
    Route(
        method="GET",
        path=f"{PATH}-live",
        handle=update_list,
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
