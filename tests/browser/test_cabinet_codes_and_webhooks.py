"""Referral codes and webhooks in a browser, for owners and developers, with and without scripts."""

from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import DESKTOP, PHONE, console_errors
from tests.browser.team import faults
from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner
from tests.support.clients.team import add_member
from tests.support.servers.webhook_receiver import Receiver, receiving


@pytest.fixture(scope="module")
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiving(
        "unknown"
    ) as receiver:  # rejects everything, because it does not know the secret
        yield receiver


@pytest.fixture(scope="module")
def emails(partner: CabinetPartner) -> dict[str, str]:
    return {
        "owner": partner.email,
        **{role: add_member(partner, role) for role in ("developer", "viewer")},
    }


def sign_in(page: Page, email: str, password: str) -> None:
    page.goto("/partner/login")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.wait_for_load_state()  # otherwise the next page cancels pending requests


def manage_codes(page: Page, base_url: str, *, scripts: bool) -> None:
    page.goto("/partner/codes")
    name = f"c-{uuid4().hex[:10]}"
    page.get_by_label("Name").fill(name)
    page.get_by_label("Label").fill("<b>Summer</b>")
    page.get_by_label("Markup in %").fill("1.5")
    page.get_by_role("button", name="Create code").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("<b>Summer</b>")).to_be_visible()
    page.get_by_label("They send").select_option("btc")
    page.get_by_label("They receive").select_option("usdt_trc20")
    if not scripts:
        page.get_by_role("button", name="Build link").click()
    link = f"http://localhost:{urlsplit(base_url).port}/r/{name}?from=btc&to=usdt_trc20"
    expect(page.locator("#link-url")).to_have_text(link)
    if scripts:
        page.get_by_role("button", name="Copy link").click()
        expect(page.locator("#announced")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == link
        expect(page.get_by_role("button", name="Copy link")).to_have_text("Copy")  # again
    page.get_by_text("QR code", exact=True).click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert faults(page, scripts=scripts) == []
    page.get_by_text("Disable code").first.click()
    page.get_by_role("button", name="Disable code").click()
    expect(page.get_by_role("button", name="Enable code")).to_be_visible()
    page.get_by_role("link", name="All codes").click()
    expect(page.get_by_role("row", name=name)).to_contain_text("Disabled")
    assert faults(page, scripts=scripts) == []


def manage_webhooks(page: Page, server: Receiver, *, scripts: bool) -> None:
    page.goto("/partner/webhooks")
    page.get_by_label("URL", exact=True).fill("http://169.254.169.254/")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("can't be sent to this host")).to_be_visible()
    page.get_by_label("URL", exact=True).fill(server.url)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Settings saved. Send a test event")).to_be_visible()
    page.get_by_role("button", name="Send test event").click()
    expect(page.get_by_role("heading", name="webhook.test")).to_be_visible()
    rejected = page.get_by_text("HTTP 401")
    while not scripts and not rejected.is_visible():
        page.get_by_role("link", name="Refresh").or_(rejected).first.click()
    expect(rejected).to_be_visible()
    assert faults(page, scripts=scripts) == []
    page.get_by_role("link", name="Check signature").click()
    page.get_by_label("Signature", exact=True).fill("0" * 64)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text("The body is identical to the event's body.")).to_be_visible()
    assert faults(page, scripts=scripts) == []
    page.goto("/partner/webhooks?type=webhook.test")
    page.locator("tbody input[type=checkbox]").first.check()
    page.get_by_role("button", name="Resend selected").click()
    expect(page.get_by_text("1 event is being resent.")).to_be_visible()
    assert faults(page, scripts=scripts) == []


@pytest.mark.parametrize(
    ("role", "scripts"),
    [("owner", True), ("developer", False)],
    ids=["owner with scripts", "developer without scripts"],
)
def test_codes_and_webhooks_are_managed(
    chromium: Browser,
    partner: CabinetPartner,
    emails: dict[str, str],
    server: Receiver,
    *,
    role: str,
    scripts: bool,
) -> None:
    context = chromium.new_context(
        base_url=partner.up.base_url,
        viewport=DESKTOP if scripts else PHONE,
        java_script_enabled=scripts,
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    errors = console_errors(page)
    sign_in(page, emails[role], partner.password)

    manage_codes(page, partner.up.base_url, scripts=scripts)
    manage_webhooks(page, server, scripts=scripts)
    expected = "status of 4"  # a rejected form
    assert [one for one in errors if expected not in one] == []
    context.close()
