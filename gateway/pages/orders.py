"""An order's page, for who has its token; and a status, for anybody."""

from collections.abc import Callable

from blacksheep import Application, Content, Request, Response

from cabinet_htmx.shared.order_status import version_seen
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
STOP_POLLING = 286
"""What htmx takes as the last answer of a poll."""


class OrderPages:
    """Answers the requests of an order's page."""

    def __init__(self, entrance: PublicContext, site: SwapSite) -> None:
        self._entrance = entrance
        self._site = site

    async def show(self, request: Request) -> Response:
        """Show an order to who has its token."""
        self._entrance.admit_look(request)
        asked = query_of(request)
        order = await self._order(request, asked.get("t", ""))
        return await self._page(order, asked["t"], refreshing=asked.get("auto") == "1")

    async def live(self, request: Request) -> Response:
        """Answer htmx with what has changed since it last looked, if anything has."""
        self._entrance.admit_look(request)
        token = (request.get_first_header(b"X-Order-Token") or b"").decode("latin-1")
        seen = (request.get_first_header(b"X-Order-Seen") or b"").decode("latin-1")
        order = await self._order(request, token)
        if version_seen(order) == seen:
            return Response(204, [(b"Cache-Control", b"no-store")])
        view = await self._view(order, token)
        status = STOP_POLLING if view.is_final else 200
        return page(status, self._site.live(view), ORDER_HEADERS, ("X-Order-Seen", view.seen))

    async def choice(self, request: Request) -> Response:
        """Put down what a held order's user chooses."""
        self._entrance.admit_look(request)
        fields = await _own_form(request)
        token = fields.get("t", "")
        order = await self._order(request, token)
        try:
            await choose_resolution(
                self._entrance.order_ports,
                partner_id=None,
                order_id=str(order.id),
                token=token,
                choice=fields.get("choice", ""),
            )
        except EmergencyInvalidChoice:
            order = await self._order(request, token)
            problem = "That can't be chosen any more. Here is the order as it is now."
            return await self._page(order, token, status=409, problem=problem)
        return redirect(303, f"/order/{order.id}?t={token}", ORDER_HEADERS)

    async def delete(self, request: Request) -> Response:
        """Delete a finished order."""
        self._entrance.admit_look(request)
        token = (await _own_form(request)).get("t", "")
        order = await self._order(request, token)
        try:
            await delete_order(
                self._entrance.order_ports.orders, order_id=str(order.id), token=token
            )
        except InvalidTransition:
            problem = "Only a finished order can be deleted."
            return await self._page(order, token, status=409, problem=problem)
        said = self._site.message("The order is deleted", "Nobody can look at it any more.")
        return page(200, said, ORDER_HEADERS)

    async def receipt(self, request: Request) -> Response:
        """Hand out a finished order's receipt as a text file."""
        self._entrance.admit_look(request)
        token = (await _own_form(request)).get("t", "")
        order = await self._order(request, token)
        name = f"attachment; filename=receipt-{order.id}.txt"
        headers = [
            *((name.encode(), value.encode()) for name, value in ORDER_HEADERS.items()),
            (b"Cache-Control", b"no-store"),
            (b"Content-Disposition", name.encode()),
        ]
        text = self._site.receipt(receipt(order)).encode()
        return Response(200, headers, Content(b"text/plain; charset=utf-8", text))

    async def status(self, request: Request) -> Response:
        """Show a status to anybody."""
        self._entrance.admit_look(request)
        order_id = _segment(request, 2)
        status = await show_status(self._entrance.order_ports.orders, order_id)
        return page(200, self._site.status(order_id, status), STATUS_HEADERS)

    async def _order(self, request: Request, token: str) -> Order:
        return await show_order(
            self._entrance.order_ports.orders,
            partner_id=None,
            order_id=_segment(request, 2),
            token=token,
        )

    async def _view(self, order: Order, token: str) -> OrderView:
        ports = self._entrance.order_ports
        waiting = order.state is State.AWAITING_DEPOSIT
        return order_view(
            order,
            token,
            choices=offered_choices(ports, order),
            now=ports.clock.now(),
            qr=await self._entrance.qr_codes.data_url(order.pay_in_address) if waiting else None,
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
        again = [("Refresh", str(REFRESH_SECONDS))] if refreshing else []
        return page(status, html, ORDER_HEADERS, *again)


def mount_orders(
    application: Application, door: OrderPages, *, answered: Callable[[Handler], Handler]
) -> None:
    """Serve orders' pages; `answered` wraps a handler so that refusals are pages."""
    router = application.router
    for path, handler in (
        ("/order/{id}", door.show),
        ("/order/{id}/live", door.live),
        ("/status/{id}", door.status),
    ):
        router.add_get(path, answered(handler))
        router.add_head(path, answered(handler))
    for path, handler in (
        ("/order/{id}/choice", door.choice),
        ("/order/{id}/delete", door.delete),
        ("/order/{id}/receipt", door.receipt),
    ):
        router.add_post(path, answered(handler))


async def _own_form(request: Request) -> dict[str, str]:
    return await form_of(request)


def _segment(request: Request, place: int) -> str:
    parts = request.url.path.decode("latin-1").split("/")
    return parts[place] if len(parts) > place else ""
