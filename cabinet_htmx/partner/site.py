"""Renders the partner dashboard's pages from templates, which escape all text."""

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
    "Permissions-Policy": (
        "clipboard-write=(self), publickey-credentials-create=(self), "
        "publickey-credentials-get=(self)"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
}


class PartnerSite:
    """The pages of the partner dashboard, under the operator's brand."""

    def __init__(self, assets: Assets, brand: Brand) -> None:
        self.brand = brand
        self._templates = environment(assets)
        self._templates.globals["brand"] = brand
        for filter_ in (local, utc, machine, usd, browser_name):
            self._templates.filters[filter_.__name__] = filter_

    def page(self, template: str, layout: Layout, **context: object) -> str:
        """Return a page for a signed-in member; `template` is such as `keys/keys.html`."""
        return self._render(template, layout=layout, **context)

    def public_page(self, template: str, **context: object) -> str:
        """Return a page for a visitor who is not signed in."""
        return self._render(template, **context)

    def _render(self, template: str, **context: object) -> str:
        return self._templates.get_template(f"partner/{template}").render(**context)
