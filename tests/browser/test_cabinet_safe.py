"""Keys, team, log, account and second factor in a browser: each role, with scripts and without."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import complaints
from tests.browser.crew import (
    EXPECTED,
    Crew,
    faults,
    invitation_page,
    new_secret_page,
    sign_in_page,
)
from tests.conftest import Running
from tests.support.clients.cabinet import App, CabinetPartner

KEYS, TEAM = "/partner/keys", "/partner/team"


@pytest.fixture(scope="module")
def crew(up: Running) -> Crew:
    return Crew(up)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_somebody_new_sets_a_second_factor_up_and_rotates_a_secret(
    chromium: Browser, up: Running, *, scripts: bool
) -> None:
    partner = CabinetPartner.new(up)
    context = chromium.new_context(base_url=up.base_url, java_script_enabled=scripts)
    page = context.new_page()
    page.goto("/partner/login?next=%2Fpartner%2Fkeys")
    page.get_by_label("E-mail address").fill(partner.email)
    page.get_by_label("Password").fill(partner.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Set one up").click()
    page.get_by_label("Your password").fill(partner.password)
    page.get_by_role("button", name="Begin").click()
    app = App(page.locator("#secret").inner_text().replace(" ", ""))
    page.get_by_label("Code", exact=True).fill(app.code())
    page.get_by_role("button", name="Turn it on").click()
    saved = page.locator("#codes").inner_text().split()
    assert len(saved) == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    assert download.value.path().read_text().split() == saved
    page.get_by_role("link", name="I have them").click()
    page.goto(KEYS)
    page.get_by_text("Rotate it").first.click()
    page.get_by_role("button", name="Make a new apiSecret").click()
    secret = page.locator("#new-secret").inner_text().strip()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file").click()
    assert download.value.path().read_text().strip() == secret
    partner.api.api_secret = secret
    partner.api.until(0)
    page.get_by_role("link", name="I have it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Keys")
    context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_code_is_asked_for_and_then_what_was_asked_is_done(
    chromium: Browser, crew: Crew, *, scripts: bool
) -> None:
    crew.owner.age_proof(crew.partner.up, seconds=400)
    page = crew.opened(chromium, "owner", scripts=scripts)
    page.goto(KEYS)
    page.get_by_label("Addresses and networks").fill("203.0.113.7\n198.51.100.0/24")
    page.get_by_role("button", name="Use this list").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("That code isn't right")).to_be_visible()
    page.get_by_label("Code").fill(crew.recovery.pop())
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("status").filter(has_text="These addresses only")).to_be_visible()
    expect(page.get_by_label("Addresses and networks")).to_have_value(
        "203.0.113.7/32\n198.51.100.0/24"
    )
    page.get_by_label("Addresses and networks").fill("")
    page.get_by_role("button", name="Use this list").click()
    expect(page.get_by_role("status").filter(has_text="Any address")).to_be_visible()
    page.context.close()


def test_an_owner_invites_and_removes(chromium: Browser, crew: Crew) -> None:
    page = crew.opened(chromium, "owner")
    page.goto(TEAM)
    page.get_by_label("E-mail address").fill("ada@northwind.example")
    page.get_by_label("Role").last.select_option("developer")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.locator("#password")).to_have_text(re.compile("^[A-Za-z0-9_-]{20}$"))
    page.get_by_role("link", name="Done").click()
    page.get_by_label("Change ada@northwind.example").click()
    page.get_by_role("button", name="Remove from the team").locator("visible=true").click()
    expect(page.get_by_role("status").filter(has_text="no longer in the team")).to_be_visible()
    page.context.close()


@pytest.mark.parametrize(
    ("role", "links"),
    [
        ("owner", {"Keys", "Team", "Account"}),
        ("developer", {"Keys", "Team", "Account"}),
        ("viewer", {"Team", "Account"}),
    ],
)
def test_everybody_is_linked_to_what_is_theirs(
    chromium: Browser, crew: Crew, role: str, links: set[str]
) -> None:
    page = crew.opened(chromium, role)
    page.goto(TEAM)
    there = set(page.locator(".sections li").all_inner_texts())
    assert links <= there
    assert ("Keys" in there) == (role != "viewer")
    for link in sorted(links):
        page.get_by_role("link", name=link, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(link)
    invites = page.goto(TEAM)
    assert invites is not None
    assert (page.get_by_role("button", name="Invite", exact=True).count() == 1) == (role == "owner")
    page.context.close()


IN_BETWEEN: dict[str, Callable[[Page], object]] = {
    "a new secret": new_secret_page,
    "somebody invited": invitation_page,
    "a code is asked for": lambda page: page.goto("/partner/verify?next=%2Fpartner%2Fkeys"),
    "login": sign_in_page,
}


@pytest.mark.parametrize("state", IN_BETWEEN)
def test_pages_in_between_have_no_faults(chromium: Browser, crew: Crew, state: str) -> None:
    page = crew.opened(chromium, "owner")
    heard = complaints(page)
    IN_BETWEEN[state](page)
    assert faults(page) == []
    assert [one for one in heard if not EXPECTED.search(one)] == []
    page.context.close()
