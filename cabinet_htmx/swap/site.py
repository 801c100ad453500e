"""Renders the public pages from templates that escape all text."""

from typing import Final

from cabinet_htmx.shared.assets import Assets
from cabinet_htmx.shared.brand import Brand
from cabinet_htmx.shared.environment import environment
from cabinet_htmx.shared.security import page_headers
from cabinet_htmx.swap.order_view import OrderView
from cabinet_htmx.swap.swap_view import SwapView
from domain.orders.states import Status

ORDER_SECONDS: Final = 3
"""How often the order page polls for changes."""

SWAP_HEADERS: Final = page_headers(
    script_src="'self'", connect_src="'self'", form_action="'self'"
) | {"Permissions-Policy": "clipboard-write=(self)", "Cross-Origin-Opener-Policy": "same-origin"}

# The URL of an order page contains the order's token, so it is never sent as a referrer.
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

    def swap(self, view: SwapView, *, idempotency_key: str) -> str:
        """Return the swap page; the key makes repeated submissions of its form create one order."""
        return self._render("swap/swap.html", view=view, idempotency_key=idempotency_key)

    def form(self, view: SwapView, *, idempotency_key: str) -> str:
        """Return the form without the page around it."""
        return self._render("swap/_form.html", view=view, idempotency_key=idempotency_key)

    def price(self, view: SwapView) -> str:
        """Return the price and the amounts that it was computed for."""
        return self._render("swap/_quoted.html", view=view)

    def field_error(self, field: str, text: str | None) -> str:
        """Return the error of a field; empty if the field is valid."""
        return self._render("swap/_field_error.html", field=field, text=text)

    def order(self, view: OrderView, *, problem: str | None, refreshing: bool) -> str:
        """Return the order page; `refreshing` means that it reloads automatically."""
        return self._render(
            "swap/order.html",
            view=view,
            problem=problem,
            refreshing=refreshing,
            every=ORDER_SECONDS,
        )

    def live(self, view: OrderView) -> str:
        """Return the section of the order page that changes with the order."""
        return self._render("swap/_live.html", view=view, problem=None, announced=True)

    def status(self, order_id: str, status: Status) -> str:
        """Return the page that shows only an order's status."""
        return self._render("swap/status.html", order_id=order_id, status=status)

    def message(self, heading: str, text: str) -> str:
        """Return a page with only a heading and a message."""
        return self._render("swap/message.html", heading=heading, text=text)

    def notice(self, text: str) -> str:
        """Return a message that replaces a section of a page."""
        return self._render("swap/_notice.html", text=text)

    def receipt(self, lines: tuple[tuple[str, str], ...]) -> str:
        """Return a receipt as plain text."""
        width = max(len(name) for name, _ in lines) + 2
        body = "".join(f"{name:<{width}}{value}\n" for name, value in lines)
        return f"{self.brand.name}: receipt\n\n{body}"

    def _render(self, template: str, **context: object) -> str:
        return self._templates.get_template(template).render(**context)
