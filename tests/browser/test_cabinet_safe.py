"""Keys, team, log, account and second factor in a browser: each role, with scripts and without."""

import os
import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.chromium import COLOURS, browser, complaints, transferred, violations
from tests.cabinet import App, CabinetPartner, Person, set_up_factor
from tests.conftest import Running
from tests.snippets import ROOT

PHONE = ViewportSize(width=375, height=812)
DESK = ViewportSize(width=1280, height=900)
SIZES = {"phone": PHONE, "desk": DESK}
KEYS, TEAM, LOG = "/partner/keys", "/partner/team", "/partner/team/log"
ACCOUNT, FACTOR = "/partner/account", "/partner/account/second-factor"
EXPECTED = re.compile(r"status of 4(?:03|04|22|29)|: no http")
"""Answers that a page is for, and loads that were broken off when it was left."""
MOST_BYTES = 100_000

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


class Crew:
    """A partner's people: an owner, whose recovery codes are at hand, a developer, a viewer."""

    def __init__(self, up: Running) -> None:
        self.partner = CabinetPartner.new(up, "--name", "Northwind Wallet")
        self.owner = self.partner.owner()
        _, self.recovery = set_up_factor(self.owner, self.partner.password)
        self.people: dict[str, Person] = {"owner": self.owner}
        for role in ("developer", "viewer"):
            self.people[role], _, password = self.partner.colleague(self.owner, role)
            if role == "developer":
                set_up_factor(self.people[role], password)


@pytest.fixture(scope="module")
def crew(up: Running) -> Crew:
    return Crew(up)


def opened(
    chromium: Browser,
    crew: Crew,
    role: str,
    *,
    scripts: bool = True,
    size: str = "desk",
    scheme: Scheme = "light",
) -> Page:
    """Return a page in a browser where somebody of this role is signed in."""
    context = chromium.new_context(
        base_url=crew.partner.up.base_url,
        viewport=SIZES[size],
        color_scheme=scheme,
        java_script_enabled=scripts,
    )
    cookie = crew.people[role].cookies["cabinet"]
    context.add_cookies(
        [{"name": "cabinet", "value": cookie, "domain": "127.0.0.1", "path": "/partner"}]
    )
    return context.new_page()


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
        page.get_by_role("button", name="Save as a file").click()
    assert download.value.path().read_text().split() == saved
    page.get_by_role("button", name="I have them").click()
    page.goto(KEYS)
    page.get_by_text("Rotate it").first.click()
    page.get_by_role("button", name="Make a new apiSecret").click()
    secret = page.locator("#new-secret").inner_text().strip()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    assert download.value.path().read_text().strip() == secret
    partner.api.api_secret = secret
    partner.api.until(0)
    page.get_by_role("button", name="I have it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Keys")
    context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_code_is_asked_for_and_then_what_was_asked_is_done(
    chromium: Browser, crew: Crew, *, scripts: bool
) -> None:
    crew.owner.age_proof(crew.partner.up, seconds=400)
    page = opened(chromium, crew, "owner", scripts=scripts)
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
    page = opened(chromium, crew, "owner")
    page.goto(TEAM)
    page.get_by_label("E-mail address").fill("ada@northwind.example")
    page.get_by_label("Role").last.select_option("developer")
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.locator("#password")).to_have_text(re.compile("^[A-Za-z0-9_-]{20}$"))
    page.get_by_role("button", name="Done").click()
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
    page = opened(chromium, crew, role)
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


STATES = ("login", "keys", "team", "log", "account", "factor", "step-up", "new-secret", "invited")


def reach(page: Page, state: str) -> None:
    """Open a page in one of its states."""
    paths = {"keys": KEYS, "team": TEAM, "log": LOG, "account": ACCOUNT, "factor": FACTOR}
    if state in paths:
        page.goto(paths[state])
    elif state == "login":
        page.context.clear_cookies()
        page.goto("/partner/login")
    elif state == "step-up":
        page.goto("/partner/verify?next=%2Fpartner%2Fkeys")
    elif state == "new-secret":
        page.goto(KEYS)
        page.get_by_text("Rotate it").last.click()
        page.get_by_role("button", name="Make a new webhookSecret").click()
    else:
        page.goto(TEAM)
        page.get_by_label("E-mail address").fill(f"grace{id(page)}@northwind.example")
        page.get_by_role("button", name="Invite", exact=True).click()


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desk", "light")])
def test_no_page_has_faults_scrolls_sideways_or_is_heavy(
    chromium: Browser, crew: Crew, size: str, scheme: Scheme
) -> None:
    found, shots = [], os.environ.get("SCREENSHOTS")
    for state in sorted(STATES, key=lambda one: one == "login"):
        page = opened(chromium, crew, "owner", size=size, scheme=scheme)
        heard = complaints(page)
        reach(page, state)
        rules = COLOURS if scheme == "dark" else ()  # the schemes differ in nothing but colour
        found += [f"{state}: {one}" for one in violations(page, rules=rules)]
        found += [f"{state}: {one}" for one in heard if not EXPECTED.search(one)]
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > SIZES[size]["width"]:
            found.append(f"{state}: {width} wide")
        size_in_bytes = transferred(page)
        if not 0 < size_in_bytes < MOST_BYTES:
            found.append(f"{state}: {size_in_bytes} bytes")
        if shots:
            page.screenshot(path=ROOT / shots / f"cabinet-{state}-{size}-{scheme}.png")
        page.context.close()
    assert found == []
