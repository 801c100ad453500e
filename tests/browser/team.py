"""A partner's team, each member signed in in a browser, and checks that every page must pass."""

import re
from typing import Literal
from uuid import uuid4

from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.chromium import DESKTOP, page_faults, transferred
from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person, set_up_factor

FIRST_PAINT_BYTES = 100_000
EXPECTED = re.compile(r"status of 4(?:03|04|22|29)|: no http")
"""Expected error responses, and requests canceled by leaving a page."""

Scheme = Literal["light", "dark"]


class BrowserTeam:
    """An owner with known recovery codes, a developer and a viewer of one partner."""

    def __init__(self, up: Running, domain: str | None = None) -> None:
        domain = domain or f"{uuid4().hex[:12]}.example"
        self.partner = CabinetPartner.new(up, "--name", "Northwind Wallet", email=f"ada@{domain}")
        self.owner = self.partner.owner()
        _, self.recovery = set_up_factor(self.owner, self.partner.password)
        self.members: dict[str, Person] = {"owner": self.owner}
        for role, name in (("developer", "grace"), ("viewer", "edsger")):
            self.members[role], _, password = self.partner.invite_member(
                self.owner, role, f"{name}@{domain}"
            )
            if role == "developer":
                set_up_factor(self.members[role], password)

    def open_page(
        self,
        chromium: Browser,
        role: str,
        *,
        scripts: bool = True,
        size: ViewportSize = DESKTOP,
        scheme: Scheme = "light",
    ) -> Page:
        """Return a page in a browser where the member with this role is signed in."""
        context = chromium.new_context(
            base_url=self.partner.up.base_url,
            viewport=size,
            color_scheme=scheme,
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        cookie = self.members[role].cookies["cabinet"]
        context.add_cookies(
            [{"name": "cabinet", "value": cookie, "domain": "127.0.0.1", "path": "/partner"}]
        )
        return context.new_page()


def sign_in_page(page: Page) -> None:
    """Open the sign-in page."""
    page.context.clear_cookies()
    page.goto("/partner/login")


def new_secret_page(page: Page) -> None:
    """Rotate the webhookSecret, whose new value is shown once."""
    page.goto("/partner/keys")
    page.get_by_text("Rotate", exact=True).last.click()
    page.get_by_role("button", name="Rotate webhookSecret").click()
    expect(page.locator("#new-secret")).to_be_visible()


def invitation_page(page: Page) -> None:
    """Invite a member, whose one-time password is shown once."""
    page.goto("/partner/team")
    page.get_by_label("Email address").fill(f"barbara-{uuid4().hex[:4]}@northwind.example")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.locator("#password")).to_be_visible()


def faults(page: Page, *, scripts: bool = True) -> list[str]:
    """Return the faults of a page that was just opened: its size, and what `page_faults` finds."""
    page.wait_for_load_state()
    size = transferred(page)
    heavy = [] if 0 < size < FIRST_PAINT_BYTES else [f"{page.url}: {size} bytes"]
    return heavy + page_faults(page, scripts=scripts)
