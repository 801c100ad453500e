"""Every page for each role; dashboard, orders and payouts, with and without scripts."""

import csv
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from domain.cabinet.members import Role
from domain.orders.query import PAGE
from gateway.cabinet.route_table import TABLE
from tests.browser.chromium import DESKTOP, PHONE, console_errors
from tests.browser.team import EXPECTED, BrowserTeam, faults
from tests.conftest import Running
from tests.support.builders.orders import MUCH
from tests.support.clients.partner import order_request
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import wait_until

TRON = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
DASHBOARD, ORDERS, PAYOUTS = "/partner/dashboard", "/partner/orders", "/partner/payout-history"
DETAILS = f"{PAYOUTS}/details"
FRAGMENTS_AND_FILES = {
    "/partner/dashboard/budget",
    "/partner/orders-live",
    "/partner/orders.csv",
    "/partner/codes/{code}/qr.png",
    "/partner/payout-history/{number}/statement.csv",
}
ROLES = ("owner", "developer", "viewer")
POLLED_MS = 6_000
"""Pages poll every five seconds."""
QUICK = {("owner", True), ("viewer", False)}
"""Most and least that a page can offer; the slow tests have every role with and without scripts."""
EVERY_ROLE = [
    pytest.param(
        role,
        scripts,
        id=f"{role} {'with' if scripts else 'without'} scripts",
        marks=() if (role, scripts) in QUICK else pytest.mark.slow,
    )
    for role in ROLES
    for scripts in (True, False)
]


class BusyTeam(BrowserTeam):
    """A team with data: orders in four states, and a period that has ended."""

    def __init__(self, up: Running, receiver: Receiver) -> None:
        super().__init__(up)
        self.api = self.partner.api.until_active()
        email, receiver.secret = self.partner.email, self.partner.webhook_secret.encode()
        url = ("--webhook-url", receiver.url)
        self.partner.command("partner", "set", email, "--budget", "100000", *url)
        self.code = f"spring-{uuid4().hex[:8]}"
        code = {"code": self.code, "label": "Spring campaign", "afftaxBps": 100}
        assert self.api.call("/codes", code).code == 0
        for _ in range(PAGE):
            self.create_order(toCcy="trx")
        self.held = self.create_order()
        self.partner.command("sandbox", "deposit", self.held["id"], "--amount", MUCH)
        wait_until(lambda: self.status_of(self.held), "EMERGENCY".__eq__)
        self.done = self.create_order(toCcy="trx", afftax=100)
        self.partner.carried(self.done)
        self.partner.command("payout", "mark-paid", email, "--reference", "March, by bank")
        self.new = self.create_order()
        sent = self.owner.send_form("/partner/webhooks", "/partner/webhooks/test")
        self.event = sent.location.rpartition("/")[2]
        self.after = {
            "/partner/orders": self.done["id"],
            "/partner/codes": self.code,
            "/partner/webhooks/events": self.event,
            PAYOUTS: "1",
        }

    def create_order(self, **changes: object) -> dict[str, Any]:
        order: dict[str, Any] = self.api.call("/create", order_request(**changes)).data
        return order

    def status_of(self, order: dict[str, Any]) -> str:
        request = {"id": order["id"], "token": order["token"]}
        return str(self.api.call("/order", request).data["status"])

    def pages(self, role: str) -> list[str]:
        """Return the paths of all pages that a role may see."""
        return [
            self.filled(route.path)
            for route in TABLE.routes
            if route.method == "GET" and Role(role).includes(route.role)
            if route.path not in FRAGMENTS_AND_FILES
        ]

    def filled(self, path: str) -> str:
        """Return a route's path with an id that exists."""
        before, _, last = path.rpartition("/")
        return f"{before}/{self.after[before]}" if last.startswith("{") else path


@pytest.fixture(scope="module")
def busy(up: Running) -> Iterator[BusyTeam]:
    with receiving("") as receiver:
        yield BusyTeam(up, receiver)


def may_submit(path: str, role: str) -> bool:
    """Return whether a role may submit a form to a path."""
    (required,) = {
        route.role
        for route in TABLE.routes
        if route.method == "POST" and re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), path)
    }
    return Role(role).includes(required)


@pytest.mark.parametrize(("role", "scripts"), EVERY_ROLE)
def test_every_page_of_a_role_has_no_faults_and_no_form_beyond_the_role(
    chromium: Browser, busy: BusyTeam, role: str, *, scripts: bool
) -> None:
    size = PHONE if role == "viewer" else DESKTOP
    page = busy.open_page(chromium, role, scripts=scripts, size=size)
    errors, found = console_errors(page), []
    for path in busy.pages(role):
        response = page.goto(path)
        assert response is not None
        assert response.ok, path
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        found += faults(
            page, scripts=scripts and role != "developer"
        )  # a developer sees what an owner sees
        for form in page.locator("form[method=post]").all():
            action = form.get_attribute("action") or urlsplit(page.url).path
            assert may_submit(action, role), (path, action)
        assert busy.done["token"] not in page.content()
    assert found == []
    assert [one for one in errors if not EXPECTED.search(one)] == []
    page.context.close()


@pytest.mark.parametrize(("role", "scripts"), EVERY_ROLE)
def test_the_dashboard_shows_alerts_charts_and_the_rate_limit(
    chromium: Browser, busy: BusyTeam, role: str, *, scripts: bool
) -> None:
    page = busy.open_page(chromium, role, scripts=scripts)
    page.clock.install()
    page.goto("/partner")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(page.get_by_text("1 order needs a decision")).to_be_visible()
    page.get_by_role("link", name="Volume").click()
    page.get_by_role("link", name="Weeks").click()
    expect(page.get_by_role("img", name="Volume by week, last 26 weeks")).to_be_visible()
    page.get_by_text("View as table").click()
    expect(page.get_by_role("table", name="Orders, volume and earnings")).to_be_visible()
    left = page.locator("#rate-limit .big")
    before = left.inner_text()
    busy.api.call("/qr", {"id": busy.new["id"], "token": busy.new["token"]})
    if scripts:
        page.clock.run_for(POLLED_MS)
    else:
        page.reload()
    expect(left).not_to_have_text(before)
    page.get_by_role("link", name="Review").click()
    expect(page.get_by_role("row", name=busy.held["id"])).to_contain_text("EMERGENCY")
    page.context.close()


def rows(page: Page) -> list[str]:
    """Return the ids of the orders that a page lists."""
    links = page.locator("tbody a.id").all()
    return [(link.get_attribute("href") or "").rpartition("/")[2] for link in links]


@pytest.mark.parametrize(("role", "scripts"), EVERY_ROLE)
def test_orders_are_filtered_paginated_and_exported(
    chromium: Browser, busy: BusyTeam, role: str, *, scripts: bool
) -> None:
    page = busy.open_page(chromium, role, scripts=scripts, size=PHONE)
    page.goto(ORDERS)
    first = rows(page)
    assert (len(first), first) == (PAGE, sorted(first, reverse=True))
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newer")).to_be_visible()
    assert max(rows(page)) < min(first)
    page.get_by_role("link", name="Newer").click()
    expect(page.get_by_role("link", name="Older")).to_be_visible()
    assert rows(page) == first
    page.get_by_label("Status").select_option("DONE")
    page.get_by_label("Asset").select_option("trx")
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_role("link", name="Clear filters")).to_be_visible()
    assert busy.done["id"] in rows(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    with download.value.path().open(newline="") as saved:
        assert {row["status"] for row in csv.DictReader(saved)} == {"DONE"}
    page.get_by_label("Order ID", exact=True).fill("nonsense")
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_text("An order id consists of digits")).to_be_visible()
    assert faults(page, scripts=scripts) == []
    page.get_by_label("Order ID", exact=True).fill(busy.held["id"])
    page.get_by_label("Status").select_option("")
    page.get_by_label("Asset").select_option("")
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_role("row", name=busy.held["id"])).to_be_visible()
    assert rows(page) == [busy.held["id"]]
    page.get_by_role("link", name=f"Order {busy.held['id']}").click()
    expect(
        page.get_by_text("Choose an exchange or a refund with the order's token")
    ).to_be_visible()
    page.context.close()


def test_the_list_updates_without_moving_or_losing_input(chromium: Browser, busy: BusyTeam) -> None:
    page, order = busy.open_page(chromium, "viewer"), busy.create_order(toCcy="trx")
    page.clock.install()
    page.goto(ORDERS)
    row = page.get_by_role("row", name=order["id"])
    expect(row).to_contain_text("NEW")
    page.get_by_label("Order ID", exact=True).fill("half an id")
    page.evaluate("scrollTo(0, 200)")
    busy.partner.carried(order)
    later = busy.create_order()
    page.clock.run_for(POLLED_MS)
    expect(row).to_contain_text("DONE")
    expect(page.get_by_label("Order ID", exact=True)).to_have_value("half an id")
    assert page.evaluate("scrollY") == 200
    assert later["id"] not in rows(page)
    page.get_by_role("link", name="Show 1 new order").click()
    expect(page.get_by_role("row", name=later["id"])).to_be_visible()
    page.context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_an_orders_page_updates_until_the_order_is_final(
    chromium: Browser, busy: BusyTeam, *, scripts: bool
) -> None:
    page, order = busy.open_page(chromium, "developer", scripts=scripts), busy.create_order()
    page.clock.install()
    page.goto(f"{ORDERS}/{order['id']}")
    expect(page.get_by_role("heading", name="NEW")).to_be_visible()
    assert page.get_by_role("link", name="Refresh").is_visible() != scripts
    busy.partner.carried(order)
    if scripts:
        page.clock.run_for(POLLED_MS)
    else:
        page.get_by_role("link", name="Refresh").click()
    expect(page.get_by_role("heading", name="DONE")).to_be_visible()
    expect(page.get_by_text("Payout sent", exact=True)).to_be_visible()
    delivered = page.get_by_role("table", name="Delivery attempts of DONE").get_by_text("HTTP 204")
    wait_until(lambda: bool(page.reload()) and delivered.is_visible(), context=page.content)
    page.get_by_role("link", name="All orders").click()
    expect(page.get_by_role("row", name=order["id"])).to_contain_text("DONE")
    page.context.close()


@pytest.mark.parametrize(("role", "scripts"), EVERY_ROLE)
def test_a_statement_is_shown_exported_and_printed(
    chromium: Browser, busy: BusyTeam, role: str, *, scripts: bool
) -> None:
    page = busy.open_page(chromium, role, scripts=scripts)
    page.goto(PAYOUTS)
    ended = page.get_by_role("row").filter(has_text="March, by bank")
    ended.get_by_role("link", name="Statement").click()
    expect(page.get_by_role("heading", name="Statement no. 1")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    with download.value.path().open(newline="") as saved:
        assert [row["reference"] for row in csv.DictReader(saved)][-1] == "March, by bank"
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(page.get_by_text("Total earnings")).to_be_visible()
    page.context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_an_owner_requests_new_payout_details_and_cancels_the_change(
    chromium: Browser, up: Running, *, scripts: bool
) -> None:
    with ThreadPoolExecutor(1) as thread:  # Playwright's event loop occupies this one
        team = thread.submit(BrowserTeam, up).result()
    team.owner.age_verification(up, seconds=3_600)
    page = team.open_page(chromium, "owner", scripts=scripts)
    page.goto(PAYOUTS)
    page.get_by_role("link", name="View payout details").click()
    expect(page.get_by_text("No payout details yet.")).to_be_visible()
    page.get_by_label("Asset").select_option("usdt_trc20")
    page.get_by_label("Address").fill(TRON[:-1] + "9")
    page.get_by_role("button", name="Request change").click()
    page.get_by_label("Code").fill(team.recovery.pop())
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("isn't a valid Tron address")).to_be_visible()
    assert faults(page, scripts=scripts) == []
    page.get_by_label("Address").fill(TRON)
    page.get_by_role("button", name="Request change").click()
    expect(page.get_by_text("take effect in 24 hours").first).to_be_visible()
    assert faults(page, scripts=scripts) == []
    page.goto(DASHBOARD)
    expect(page.get_by_text("requested new payout details")).to_be_visible()
    page.get_by_role("link", name="Review").click()
    page.get_by_text("Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel this change").click()
    expect(page.get_by_text("Change canceled")).to_be_visible()
    expect(page.get_by_role("table", name="Canceled changes")).to_be_visible()
    for role in ("developer", "viewer"):
        other = team.open_page(chromium, role, scripts=scripts)
        other.goto(DETAILS)
        expect(other.get_by_text("Only owners can change payout details.")).to_be_visible()
        other.context.close()
    page.context.close()
