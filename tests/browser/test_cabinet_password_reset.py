"""A forgotten password is reset by a link, with and without scripts."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import console_errors
from tests.browser.team import EXPECTED, faults
from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner
from tests.support.waiting import wait_until

LINK = re.compile(r"http://localhost:\d+(/partner/reset/choose\?token=\S{43})\n")
NEW = "a new and good password"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_member_resets_a_forgotten_password(
    chromium: Browser, up: Running, *, scripts: bool
) -> None:
    partner = CabinetPartner.new(up)
    context = chromium.new_context(base_url=up.base_url, java_script_enabled=scripts)
    page = context.new_page()
    errors = console_errors(page)
    page.goto("/partner/login")
    page.get_by_role("link", name="Forgot your password?").click()
    assert faults(page, scripts=scripts) == []
    page.get_by_label("Email address").fill(partner.email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("status")).to_contain_text("a link was sent")
    assert faults(page, scripts=scripts) == []
    match = LINK.search(wait_until(partner.mails, bool)[0])
    assert match is not None
    page.goto(match[1])
    assert faults(page, scripts=scripts) == []
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("Repeat new password").fill(NEW)
    page.get_by_role("button", name="Save password").click()
    expect(page.get_by_role("status")).to_contain_text("Your password was changed")
    page.get_by_label("Email address").fill(partner.email)
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dashboard")
    page.goto(match[1])
    expect(page.get_by_role("alert")).to_contain_text("no longer valid")
    assert faults(page, scripts=scripts) == []
    assert [one for one in errors if not EXPECTED.search(one)] == []
    context.close()
