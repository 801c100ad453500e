"""Renders the cabinet's pages. All text in them is escaped; nothing is joined to HTML."""

from typing import Final

from cabinet_htmx.partner.browsers import browser_name
from cabinet_htmx.partner.layout import Layout
from cabinet_htmx.shared.amounts import usd
from cabinet_htmx.shared.assets import Assets
from cabinet_htmx.shared.brand import Brand
from cabinet_htmx.shared.environment import environment
from cabinet_htmx.shared.security import page_headers
from cabinet_htmx.shared.times import local, machine, utc

HEADERS: Final = page_headers(script_src="'self'", connect_src="'self'", form_action="'self'") | {
    "X-Robots-Tag": "noindex",
    "Permissions-Policy": "clipboard-write=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class PartnerSite:
    """The pages of the cabinet, under the operator's brand."""

    def __init__(self, assets: Assets, brand: Brand) -> None:
        self.brand = brand
        self._templates = environment(assets)
        self._templates.globals["brand"] = brand
        for filter_ in (local, utc, machine, usd, browser_name):
            self._templates.filters[filter_.__name__] = filter_

    def page(self, template: str, frame: Layout, **context: object) -> str:
        """Return a page for somebody signed in; `template` such as `keys.html`."""
        return self._render(template, frame=frame, **context)

    def door(self, template: str, **context: object) -> str:
        """Return a page for somebody who isn't signed in."""
        return self._render(template, **context)

    def _render(self, template: str, **context: object) -> str:
        return self._templates.get_template(f"partner/{template}").render(**context)
