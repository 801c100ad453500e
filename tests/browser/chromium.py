"""Debian's headless Chromium, driven by Playwright, and checks of its pages."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

from tests.support.clients.snippets import ROOT

CHROMIUM = Path("/usr/bin/chromium-headless-shell")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


PHONE = ViewportSize(width=375, height=812)
DESKTOP = ViewportSize(width=1280, height=900)
WIDE = ViewportSize(width=1920, height=1080)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser. Skips the test if it is not installed, except in CI."""
    if not CHROMIUM.exists() and not os.environ.get("CI"):
        pytest.skip(
            f"{CHROMIUM} is not installed: `make test` installs it on Debian if run as root"
        )
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


LEFT = "net::ERR_ABORTED"
"""The browser was still loading something when the page was left."""


def console_errors(page: Page) -> list[str]:
    """Return a list that collects console errors and warnings, page errors and failed requests.

    It includes violations of the Content-Security-Policy.
    """
    errors: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            errors.append(f"{page.url}: {message.text}")

    def failed(request: Request) -> None:
        if request.failure != LEFT:
            errors.append(f"{page.url}: no {request.url}")

    page.on("console", listen)
    page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
    page.on("requestfailed", failed)
    return errors


COLOR_RULES = ("color-contrast", "link-in-text-block")
"""The default rules of axe that concern colors."""


def violations(page: Page, *, rules: Sequence[str] = ()) -> list[str]:
    """Return the violations that axe finds on a page, by the given rules or all."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text())  # the debugger is exempt from the page's CSP
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{page.url}: {one['id']}: {node['target']}: {node['failureSummary']}"
        for one in result["violations"]
        for node in one["nodes"]
    ]


def transferred(page: Page) -> int:
    """Return how many bytes a page transferred, including headers."""
    return int(
        page.evaluate(
            "performance.getEntries().reduce((sum, one) => sum + (one.transferSize || 0), 0)"
        )
    )


def page_faults(page: Page, *, scripts: bool = True) -> list[str]:
    """Return what axe finds in both themes, and the screen sizes at which the page is too wide.

    axe is a script, so it is skipped without scripts. The themes differ only in color.
    """
    page.wait_for_load_state()
    faults = []
    if scripts:
        faults += violations(page)
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        page.evaluate("Promise.all(document.getAnimations().map(one => one.finished))")
        faults += violations(page, rules=COLOR_RULES)
        page.emulate_media(color_scheme="light")
    original = page.viewport_size
    for size in (PHONE, DESKTOP, WIDE):
        page.set_viewport_size(size)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size["width"]:
            faults.append(f"{page.url}: {width} wide on a screen of {size['width']}")
    if original is not None:
        page.set_viewport_size(original)
    return faults
