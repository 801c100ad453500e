"""The documentation in a browser: accessible and usable with touch, keyboard and no scripts."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from cabinet_htmx.docs.contents import entries
from tests.browser.chromium import (
    COLOR_RULES,
    DESKTOP,
    PHONE,
    console_errors,
    page_faults,
    violations,
)
from tests.conftest import Running

Scheme = Literal["light", "dark"]

PAGES = [entry.path for entry in entries()]
VARIED = ["/docs", "/docs/price", "/docs/webhooks", "/docs/errors", "/docs/wallets"]
"""What pages consist of: code in several languages, tables of every width, links, figures."""


@pytest.fixture
def phone(up: Running, chromium: Browser) -> Iterator[Page]:
    """A phone without JavaScript."""
    context = chromium.new_context(
        base_url=up.base_url, viewport=PHONE, java_script_enabled=False, has_touch=True
    )
    yield context.new_page()
    context.close()


def open_page(
    up: Running, chromium: Browser, scheme: Scheme = "light", size: ViewportSize = DESKTOP
) -> Page:
    return chromium.new_context(base_url=up.base_url, viewport=size, color_scheme=scheme).new_page()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("paths", [VARIED, pytest.param(PAGES, marks=pytest.mark.slow)])
def test_no_page_has_accessibility_errors_or_horizontal_scrolling(
    up: Running, chromium: Browser, paths: list[str]
) -> None:
    # tables scroll on a phone, and must be reachable by keyboard
    page = open_page(up, chromium, size=PHONE)
    console, faults = console_errors(page), []
    for path in paths:
        page.goto(path)
        faults += page_faults(page)
    page.context.close()
    assert faults == []
    assert console == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_code_in_every_language_has_sufficient_contrast(
    up: Running, chromium: Browser, scheme: Scheme
) -> None:
    page = open_page(up, chromium, scheme)
    for path in ("/docs/quickstart", "/docs/webhooks", "/docs/authentication"):
        page.goto(path)
        page.evaluate(
            "document.querySelectorAll('details').forEach(one => {"
            "one.removeAttribute('name'); one.open = true })"
        )
        assert violations(page, rules=COLOR_RULES) == []
    page.context.close()


def test_the_page_for_a_missing_document_has_no_accessibility_errors(
    up: Running, chromium: Browser
) -> None:
    page = open_page(up, chromium)
    response = page.goto("/docs/nothing")
    assert response is not None
    assert response.status == 404
    assert violations(page) == []
    page.get_by_role("link", name="the overview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Swapgate for partners")
    page.context.close()


def test_the_contents_menu_works_on_a_phone_without_scripts(phone: Page) -> None:
    phone.goto("/docs")
    contents = phone.get_by_role("navigation", name="Documentation")
    expect(contents).to_be_hidden()
    phone.get_by_role("button", name="Contents").tap()
    expect(contents).to_be_visible()
    contents.get_by_role("link", name="Webhooks").tap()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Webhooks")
    expect(contents).to_be_hidden()


def test_language_tabs_work_without_scripts(phone: Page) -> None:
    phone.goto("/docs/price")
    tabs = phone.locator(".tabs").first
    expect(tabs.locator("pre:visible")).to_contain_text("swapgate.sh")
    tabs.get_by_text("Python", exact=True).tap()
    expect(tabs.locator("pre:visible")).to_contain_text("from swapgate import signed")
    expect(tabs.locator("pre:visible")).to_have_count(1)


def test_the_skip_link_moves_focus_to_the_content(up: Running, chromium: Browser) -> None:
    page = open_page(up, chromium)
    page.goto("/docs/price")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.context.close()
