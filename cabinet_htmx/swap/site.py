"""Renders the public pages. All text in them is escaped; nothing is joined to HTML."""

from typing import Final

from cabinet_htmx.shared.assets import Assets
from cabinet_htmx.shared.brand import Brand
from cabinet_htmx.shared.environment import environment
from cabinet_htmx.shared.security import page_headers
from cabinet_htmx.swap.order_view import OrderView
from cabinet_htmx.swap.swap_view import SwapView
from domain.orders.states import Status

ORDER_SECONDS: Final = 3
"""How often an order's page looks whether there is something new."""

SWAP_HEADERS: Final = page_headers(
    script_src="'self'", connect_src="'self'", form_action="'self'"
) | {"Permissions-Policy": "clipboard-write=(self)", "Cross-Origin-Opener-Policy": "same-origin"}

# The address of an order's page holds its token: it is told to nobody, not even to ourselves.
ORDER_HEADERS: Final = page_headers(
    script_src="'self'", connect_src="'self'", form_action="'self'", img_src="'self' data:"
) | {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Permissions-Policy": "clipboard-write=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
}

STATUS_HEADERS: Final = page_headers() | {"X-Robots-Tag": "noindex"}


class SwapSite:
    """The public pages of one brand."""

    def __init__(self, assets: Assets, brand: Brand) -> None:
        self._templates = environment(assets)
        self._templates.globals["brand"] = brand
        self.brand = brand

    def swap(self, view: SwapView, *, once: str) -> str:
        """Return the whole page; `once` marks the form, so that sending it twice is once."""
        return self._render("swap/swap.html", view=view, once=once)

    def form(self, view: SwapView, *, once: str) -> str:
        """Return the form alone."""
        return self._render("swap/_form.html", view=view, once=once)

    def price(self, view: SwapView) -> str:
        """Return the price alone, with the amounts that belong to it."""
        return self._render("swap/_quoted.html", view=view)

    def fault(self, field: str, text: str | None) -> str:
        """Return what is wrong with a field; nothing in it where nothing is."""
        return self._render("swap/_fault.html", field=field, text=text)

    def order(self, view: OrderView, *, problem: str | None, refreshing: bool) -> str:
        """Return an order's page; `refreshing` says that it is loaded anew by itself."""
        return self._render(
            "swap/order.html",
            view=view,
            problem=problem,
            refreshing=refreshing,
            every=ORDER_SECONDS,
        )

    def live(self, view: OrderView) -> str:
        """Return what changes of an order's page."""
        return self._render("swap/_live.html", view=view, problem=None, announced=True)

    def status(self, order_id: str, status: Status) -> str:
        """Return the page that tells of nothing but a status."""
        return self._render("swap/status.html", order_id=order_id, status=status)

    def message(self, heading: str, text: str) -> str:
        """Return a page that says why there is nothing else to show."""
        return self._render("swap/message.html", heading=heading, text=text)

    def notice(self, text: str) -> str:
        """Return a sentence to stand in the place of a part of a page."""
        return self._render("swap/_notice.html", text=text)

    def receipt(self, lines: tuple[tuple[str, str], ...]) -> str:
        """Return a receipt as plain text."""
        width = max(len(name) for name, _ in lines) + 2
        body = "".join(f"{name:<{width}}{value}\n" for name, value in lines)
        return f"{self.brand.name}: receipt\n\n{body}"

    def _render(self, template: str, **context: object) -> str:
        return self._templates.get_template(template).render(**context)
