"""The order page, which requires the order's token, and the public status page."""

from collections.abc import Callable

from blacksheep import Application, Content, Request, Response

from cabinet_htmx.shared.order_status import order_version
from cabinet_htmx.swap.order_view import OrderView, order_view, receipt
from cabinet_htmx.swap.site import ORDER_HEADERS, STATUS_HEADERS, SwapSite
from domain.actions.orders.delete_order import delete_order
from domain.actions.orders.resolve_emergency import choose_resolution, offered_choices
from domain.actions.orders.show_order import show_order
from domain.actions.orders.show_status import show_status
from domain.errors import EmergencyInvalidChoice, InvalidTransition
from domain.orders.order import Order
from domain.orders.states import FINAL, State
from gateway.http.blacksheep import Handler
from gateway.http.forms import form_of, query_of
from gateway.http.pages import page, redirect
from gateway.pages.request import PublicContext

REFRESH_SECONDS = 15
STOP_POLLING_STATUS = 286
"""The status code that makes htmx stop polling."""


class OrderPages:
    """Handlers of the order page and the status page."""

    def __init__(self, context: PublicContext, site: SwapSite) -> None:
        self._context = context
        self._site = site

    async def show(self, request: Request) -> Response:
        """Show an order; the query must contain its token."""
        await self._context.admit_view(request)
        query = query_of(request)
        order = await self._order(request, query.get("t", ""))
        return await self._page(order, query["t"], refreshing=query.get("auto") == "1")

    async def live(self, request: Request) -> Response:
        """Return the live section to htmx, or 204 if the order has not changed."""
        await self._context.admit_view(request)
        token = (request.get_first_header(b"X-Order-Token") or b"").decode("latin-1")
        seen = (request.get_first_header(b"X-Order-Seen") or b"").decode("latin-1")
        order = await self._order(request, token)
        if order_version(order) == seen:
            return Response(204, [(b"Cache-Control", b"no-store")])
        view = await self._view(order, token)
        status = STOP_POLLING_STATUS if view.is_final else 200
        return page(status, self._site.live(view), ORDER_HEADERS, ("X-Order-Seen", view.version))

    async def choice(self, request: Request) -> Response:
        """Record the customer's choice for an order on hold."""
        await self._context.admit_view(request)
        fields = await form_of(request)
        token = fields.get("t", "")
        order = await self._order(request, token)
        try:
            await choose_resolution(
                self._context.order_ports,
                partner_id=None,
                order_id=str(order.id),
                token=token,
                choice=fields.get("choice", ""),
            )
        except EmergencyInvalidChoice:
            order = await self._order(request, token)
            problem = "This option is no longer available. The current order is shown below."
            return await self._page(order, token, status=409, problem=problem)
        return redirect(303, f"/order/{order.id}?t={token}", ORDER_HEADERS)

    async def delete(self, request: Request) -> Response:
        """Delete a finished order."""
        await self._context.admit_view(request)
        token = (await form_of(request)).get("t", "")
        order = await self._order(request, token)
        try:
            await delete_order(
                self._context.order_ports.orders, order_id=str(order.id), token=token
            )
        except InvalidTransition:
            problem = "Only a finished order can be deleted. Try again once it is."
            return await self._page(order, token, status=409, problem=problem)
        html = self._site.message("Order deleted", "This order can no longer be viewed.")
        return page(200, html, ORDER_HEADERS)

    async def receipt(self, request: Request) -> Response:
        """Return a finished order's receipt as a text file."""
        await self._context.admit_view(request)
        token = (await form_of(request)).get("t", "")
        order = await self._order(request, token)
        disposition = f"attachment; filename=receipt-{order.id}.txt"
        headers = [
            *((name.encode(), value.encode()) for name, value in ORDER_HEADERS.items()),
            (b"Cache-Control", b"no-store"),
            (b"Content-Disposition", disposition.encode()),
        ]
        text = self._site.receipt(receipt(order)).encode()
        return Response(200, headers, Content(b"text/plain; charset=utf-8", text))

    async def status(self, request: Request) -> Response:
        """Show an order's status, without a token and without other details."""
        await self._context.admit_view(request)
        order_id = _segment(request, 2)
        shown = await show_status(self._context.order_ports.orders, order_id)
        return page(200, self._site.status(order_id, shown.status), STATUS_HEADERS)

    async def _order(self, request: Request, token: str) -> Order:
        return await show_order(
            self._context.order_ports.orders,
            partner_id=None,
            order_id=_segment(request, 2),
            token=token,
        )

    async def _view(self, order: Order, token: str) -> OrderView:
        ports = self._context.order_ports
        is_waiting = order.state is State.AWAITING_DEPOSIT
        return order_view(
            order,
            token,
            choices=offered_choices(ports, order),
            now=ports.clock.now(),
            qr=await self._context.qr_codes.data_url(order.pay_in_address) if is_waiting else None,
        )

    async def _page(
        self,
        order: Order,
        token: str,
        *,
        status: int = 200,
        problem: str | None = None,
        refreshing: bool = False,
    ) -> Response:
        refreshing = refreshing and order.state not in FINAL
        html = self._site.order(
            await self._view(order, token), problem=problem, refreshing=refreshing
        )
        headers = [("Refresh", str(REFRESH_SECONDS))] if refreshing else []
        return page(status, html, ORDER_HEADERS, *headers)


def mount_orders(
    application: Application, pages: OrderPages, *, wrap: Callable[[Handler], Handler]
) -> None:
    """Register the order pages; `wrap` makes a handler return error pages."""
    router = application.router
    for path, handler in (
        ("/order/{id}", pages.show),
        ("/order/{id}/live", pages.live),
        ("/status/{id}", pages.status),
    ):
        router.add_get(path, wrap(handler))
        router.add_head(path, wrap(handler))
    for path, handler in (
        ("/order/{id}/choice", pages.choice),
        ("/order/{id}/delete", pages.delete),
        ("/order/{id}/receipt", pages.receipt),
    ):
        router.add_post(path, wrap(handler))


def _segment(request: Request, index: int) -> str:
    parts = request.url.path.decode("latin-1").split("/")
    return parts[index] if len(parts) > index else ""
