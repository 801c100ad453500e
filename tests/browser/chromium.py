"""Debian's Chromium, driven by Playwright, and what went wrong on a page of it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, sync_playwright

from tests.support.clients.snippets import ROOT

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


PHONE = ViewportSize(width=375, height=812)
DESK = ViewportSize(width=1280, height=900)
WIDE = ViewportSize(width=1920, height=1080)


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser; skip the test where there is none, except in CI, which must have one."""
    if not CHROMIUM.exists() and not os.environ.get("CI"):
        pytest.skip(f"there is no {CHROMIUM}: `make test` installs it as root on Debian")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        running.close()


def complaints(page: Page) -> list[str]:
    """Return a list that fills with the errors and warnings of a page's console and its failures.

    Violations of its Content-Security-Policy are among them.
    """
    heard: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            heard.append(f"{page.url}: {message.text}")

    page.on("console", listen)
    page.on("pageerror", lambda error: heard.append(f"{page.url}: {error}"))
    page.on("requestfailed", lambda request: heard.append(f"{page.url}: no {request.url}"))
    return heard


COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that look at colours, of those that are on by default."""


def violations(page: Page, *, rules: Sequence[str] = ()) -> list[str]:
    """Return what axe finds wrong with a page as it is shown now, by some of its rules or all."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text())  # by the debugger, which the page's policy doesn't bind
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{page.url}: {one['id']}: {node['target']}: {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def transferred(page: Page) -> int:
    """Return how many bytes came over the network for a page, headers and all."""
    return int(
        page.evaluate(
            "performance.getEntries().reduce((sum, one) => sum + (one.transferSize || 0), 0)"
        )
    )


def unsound(page: Page, *, scripts: bool = True) -> list[str]:
    """Return what axe finds in either theme, and on which screens a page is too wide.

    Without scripts there is no axe, which is one itself. The themes differ in nothing but colour.
    """
    page.wait_for_load_state()
    found = []
    if scripts:
        found += violations(page)
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        page.evaluate("Promise.all(document.getAnimations().map(one => one.finished))")
        found += violations(page, rules=COLOURS)
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
