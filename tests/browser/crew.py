"""A partner's people, each signed in in a browser, and what every page of theirs has to be."""

import re
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.chromium import COLOURS, transferred, violations
from tests.cabinet import CabinetPartner, Person, set_up_factor
from tests.conftest import Running

PHONE = ViewportSize(width=375, height=812)
DESK = ViewportSize(width=1280, height=900)
WIDE = ViewportSize(width=1920, height=1080)
SIZES = {"phone": PHONE, "desk": DESK}
FIRST_PAINT_BYTES = 100_000
EXPECTED = re.compile(r"status of 4(?:03|04|22|29)|: no http")
"""Answers that a page is for, and loads that were broken off when it was left."""

Scheme = Literal["light", "dark"]


class Crew:
    """An owner, whose recovery codes are at hand, a developer and a viewer of one partner."""

    def __init__(self, up: Running) -> None:
        self.partner = CabinetPartner.new(up, "--name", "Northwind Wallet")
        self.owner = self.partner.owner()
        _, self.recovery = set_up_factor(self.owner, self.partner.password)
        self.people: dict[str, Person] = {"owner": self.owner}
        for role in ("developer", "viewer"):
            self.people[role], _, password = self.partner.colleague(self.owner, role)
            if role == "developer":
                set_up_factor(self.people[role], password)

    def opened(
        self,
        chromium: Browser,
        role: str,
        *,
        scripts: bool = True,
        size: ViewportSize = DESK,
        scheme: Scheme = "light",
    ) -> Page:
        """Return a page in a browser where somebody of this role is signed in."""
        context = chromium.new_context(
            base_url=self.partner.up.base_url,
            viewport=size,
            color_scheme=scheme,
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        cookie = self.people[role].cookies["cabinet"]
        context.add_cookies(
            [{"name": "cabinet", "value": cookie, "domain": "127.0.0.1", "path": "/partner"}]
        )
        return context.new_page()


def faults(page: Page, *, scripts: bool = True) -> list[str]:
    """Return what is wrong with a page as it was just opened.

    It is heavy, or wider than some screen, or axe finds something in either theme. Without scripts
    there is no axe, which is one itself.
    """
    found = []
    size_in_bytes = transferred(page)
    if not 0 < size_in_bytes < FIRST_PAINT_BYTES:
        found.append(f"{page.url}: {size_in_bytes} bytes")
    if scripts:
        found += violations(page)
        page.emulate_media(color_scheme="dark")
        page.evaluate("Promise.all(document.getAnimations().map(one => one.finished))")
        found += violations(page, rules=COLOURS)  # the schemes differ in nothing but colour
        page.emulate_media(color_scheme="light")
    former = page.viewport_size
    for size in (PHONE, DESK, WIDE):
        page.set_viewport_size(size)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size["width"]:
            found.append(f"{page.url}: {width} wide on a screen of {size['width']}")
    if former is not None:
        page.set_viewport_size(former)
    return found
