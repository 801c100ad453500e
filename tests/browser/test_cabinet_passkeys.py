"""Passkeys in a browser, with Chromium's virtual authenticator."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import console_errors, page_faults
from tests.browser.team import EXPECTED, faults
from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person

FACTOR, NEW = "/partner/account/second-factor", "/partner/account/passkeys/new"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


@pytest.fixture
def owner(partner: CabinetPartner) -> Person:
    return partner.owner_with_factor()[0]


@pytest.fixture
def page(chromium: Browser, up: Running, owner: Person) -> Iterator[Page]:
    """A page on which the owner is signed in, with an authenticator.

    Passkeys are bound to a domain, so the page is opened at `localhost` and not at its address.
    """
    base_url = up.base_url.replace("127.0.0.1", "localhost")
    context = chromium.new_context(base_url=base_url)
    sign_in(context.new_page(), owner)
    page = context.pages[0]
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield page
    context.close()


def sign_in(page: Page, member: Person, host: str = "localhost") -> None:
    cookie = {"name": "cabinet", "value": member.cookies["cabinet"], "path": "/partner"}
    page.context.add_cookies([{**cookie, "domain": host}])  # type: ignore[typeddict-item]


def test_a_member_adds_a_passkey_signs_in_with_it_and_removes_it(
    partner: CabinetPartner, page: Page
) -> None:
    errors = console_errors(page)
    page.goto(FACTOR)
    page.get_by_role("link", name="Add a passkey").click()
    assert page_faults(page) == []
    page.get_by_label("Name").fill("Work laptop")
    page.get_by_role("button", name="Create passkey").click()
    expect(page.get_by_role("status").filter(has_text="Work laptop was added")).to_be_visible()
    assert page_faults(page) == []
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("The same device")
    page.get_by_role("button", name="Create passkey").click()
    expect(page.get_by_role("alert").filter(has_text="already has a passkey")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Email address").fill(partner.email)
    page.get_by_label("Password").fill(partner.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Two-factor authentication")
    assert faults(page) == []
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    page.goto(FACTOR)
    page.get_by_role("button", name="Remove Work laptop").click()
    expect(page.get_by_role("status").filter(has_text="Work laptop was removed")).to_be_visible()
    expect(page.get_by_role("button", name="Remove Work laptop")).to_have_count(0)
    assert [one for one in errors if not EXPECTED.search(one)] == []


def test_a_sensitive_change_continues_after_a_passkey(
    partner: CabinetPartner, owner: Person, page: Page
) -> None:
    page.goto(NEW)
    page.get_by_label("Name").fill("Security key")
    page.get_by_role("button", name="Create passkey").click()
    expect(page.get_by_role("status").filter(has_text="was added")).to_be_visible()
    page.goto("/partner/keys")
    owner.age_verification(partner.up, seconds=400)
    page.get_by_label("Addresses and networks").fill("203.0.113.7")
    page.get_by_role("button", name="Save allowlist").click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("status").filter(has_text="from these addresses only")).to_be_visible()


def test_at_another_address_than_the_configured_one_the_page_says_so(
    chromium: Browser, up: Running, owner: Person
) -> None:
    context = chromium.new_context(base_url=up.base_url)
    page = context.new_page()
    sign_in(page, owner, "127.0.0.1")
    page.goto(NEW)
    page.get_by_label("Name").fill("Nowhere")
    page.get_by_role("button", name="Create passkey").click()
    expect(page.get_by_role("alert").filter(has_text="don't work at this address")).to_be_visible()
    expect(page.get_by_role("button", name="Create passkey")).to_be_enabled()
    context.close()


def test_without_scripts_a_code_is_entered_and_the_page_says_what_is_missing(
    chromium: Browser, up: Running, owner: Person
) -> None:
    context = chromium.new_context(base_url=up.base_url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, owner, "127.0.0.1")
    page.goto(NEW)
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    page.goto("/partner/verify")
    expect(page.get_by_role("button", name="Continue")).to_be_visible()
    expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
    assert faults(page, scripts=False) == []
    context.close()
