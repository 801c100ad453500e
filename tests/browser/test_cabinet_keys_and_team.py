"""API keys, team, account and two-factor authentication in a browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import console_errors
from tests.browser.team import (
    EXPECTED,
    BrowserTeam,
    faults,
    invitation_page,
    new_secret_page,
    sign_in_page,
)
from tests.conftest import Running
from tests.support.clients.cabinet import AuthenticatorApp, CabinetPartner

KEYS, TEAM = "/partner/keys", "/partner/team"


@pytest.fixture(scope="module")
def team(up: Running) -> BrowserTeam:
    return BrowserTeam(up)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_new_owner_sets_up_two_factor_authentication_and_rotates_a_secret(
    chromium: Browser, up: Running, *, scripts: bool
) -> None:
    partner = CabinetPartner.new(up)
    context = chromium.new_context(base_url=up.base_url, java_script_enabled=scripts)
    page = context.new_page()
    page.goto("/partner/login?next=%2Fpartner%2Fkeys")
    page.get_by_label("Email address").fill(partner.email)
    page.get_by_label("Password").fill(partner.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Set it up").click()
    page.get_by_label("Password").fill(partner.password)
    page.get_by_role("button", name="Continue").click()
    app = AuthenticatorApp(page.locator("#secret").inner_text().replace(" ", ""))
    page.get_by_label("Code", exact=True).fill(app.code())
    page.get_by_role("button", name="Turn on").click()
    saved = page.locator("#codes").inner_text().split()
    assert len(saved) == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text().split() == saved
    page.get_by_role("link", name="I've saved the codes").click()
    page.goto(KEYS)
    page.get_by_text("Rotate", exact=True).first.click()
    page.get_by_role("button", name="Rotate apiSecret").click()
    secret = page.locator("#new-secret").inner_text().strip()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text().strip() == secret
    partner.api.api_secret = secret
    partner.api.until(0)
    page.get_by_role("link", name="I've saved it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("API keys")
    context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_sensitive_action_asks_for_a_code_and_is_then_performed(
    chromium: Browser, team: BrowserTeam, *, scripts: bool
) -> None:
    team.owner.age_verification(team.partner.up, seconds=400)
    page = team.open_page(chromium, "owner", scripts=scripts)
    page.goto(KEYS)
    page.get_by_label("Addresses and networks").fill("203.0.113.7\n198.51.100.0/24")
    page.get_by_role("button", name="Save allowlist").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Two-factor authentication")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("This code is wrong")).to_be_visible()
    page.get_by_label("Code").fill(team.recovery.pop())
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("status").filter(has_text="from these addresses only")).to_be_visible()
    expect(page.get_by_label("Addresses and networks")).to_have_value(
        "203.0.113.7/32\n198.51.100.0/24"
    )
    page.get_by_label("Addresses and networks").fill("")
    page.get_by_role("button", name="Save allowlist").click()
    expect(page.get_by_role("status").filter(has_text="from any address")).to_be_visible()
    page.context.close()


def test_an_owner_invites_and_removes_a_member(chromium: Browser, team: BrowserTeam) -> None:
    page = team.open_page(chromium, "owner")
    page.goto(TEAM)
    page.get_by_label("Email address").fill("ada@northwind.example")
    page.get_by_label("Role").last.select_option("developer")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.locator("#password")).to_have_text(re.compile("^[A-Za-z0-9_-]{20}$"))
    page.get_by_role("link", name="Done").click()
    page.get_by_label("Edit ada@northwind.example").click()
    page.get_by_role("button", name="Remove from team").locator("visible=true").click()
    expect(page.get_by_role("status").filter(has_text="was removed from the team")).to_be_visible()
    page.context.close()


@pytest.mark.parametrize(
    ("role", "links"),
    [
        ("owner", {"API keys", "Team", "Account"}),
        ("developer", {"API keys", "Team", "Account"}),
        ("viewer", {"Team", "Account"}),
    ],
)
def test_the_navigation_shows_what_the_role_may_see(
    chromium: Browser, team: BrowserTeam, role: str, links: set[str]
) -> None:
    page = team.open_page(chromium, role)
    page.goto(TEAM)
    shown = set(page.locator(".sidebar li").all_inner_texts())
    assert links <= shown
    assert ("API keys" in shown) == (role != "viewer")
    for link in sorted(links):
        page.get_by_role("link", name=link, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(link)
    assert page.goto(TEAM) is not None
    assert (page.get_by_role("button", name="Invite", exact=True).count() == 1) == (role == "owner")
    page.context.close()


TRANSIENT_PAGES: dict[str, Callable[[Page], object]] = {
    "a new secret": new_secret_page,
    "an invitation": invitation_page,
    "a code is required": lambda page: page.goto("/partner/verify?next=%2Fpartner%2Fkeys"),
    "login": sign_in_page,
}


@pytest.mark.parametrize("state", TRANSIENT_PAGES)
def test_transient_pages_have_no_faults(chromium: Browser, team: BrowserTeam, state: str) -> None:
    page = team.open_page(chromium, "owner")
    errors = console_errors(page)
    TRANSIENT_PAGES[state](page)
    assert faults(page) == []
    assert [one for one in errors if not EXPECTED.search(one)] == []
    page.context.close()
