"""`python -m tests.screenshots`: every page of the partner dashboard in both themes and on a phone.

Starts a service with a partner that has some thousand generated orders of the last ninety days and
some created today through the API; writes docs/screenshots/cabinet-*.png.
"""

import tempfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize

from bench.cabinet.fill import fill
from persistence.embedded.access import SUPERUSER
from persistence.embedded.postgres import EmbeddedPostgres
from tests.browser.chromium import DESKTOP, PHONE, browser
from tests.browser.team import (
    BrowserTeam,
    Scheme,
    invitation_page,
    new_secret_page,
    sign_in_page,
)
from tests.conftest import Running, start_up, stop
from tests.support.builders.orders import MUCH
from tests.support.clients.partner import order_request
from tests.support.clients.snippets import ROOT
from tests.support.clients.team import own
from tests.support.servers.webhook_receiver import Receiver, receiving

PICTURES: Final = ROOT / "docs" / "screenshots"
ORDERS: Final = 4_000
CODES: Final = {
    "half": ("wallet-app", "The app's swap tab"),
    "rare-one": ("newsletter", "Newsletter, March"),
    "spring": ("spring", "Spring campaign"),
    "summer": ("summer", "Summer campaign"),
    "autumn": ("partners-blog", "Guest article"),
}
PRICES: Final = {
    "btc": 62_450,
    "eth": 2_540,
    "ltc": 81,
    "sol": 148,
    "trx": "0.14",
    "doge": "0.16",
    "xmr": 171,
    "usdt_trc20": 1,
    "usdc_erc20": 1,
}
"""In USD, for the generated orders."""
AMOUNTS: Final = """
UPDATE orders SET source_amount = round(worth_usd / s.price::numeric, 6),
  destination_amount = round(worth_usd * 0.99 / d.price::numeric, 6)
FROM json_each_text(%s) AS s (code, price), json_each_text(%s) AS d (code, price)
WHERE pay_in_address LIKE 'bench %%' AND s.code = source AND d.code = destination
"""
RENAME: Final = "UPDATE codes SET code = %s, label = %s WHERE code = %s"
LOOKS: Final[Mapping[str, tuple[ViewportSize, Scheme]]] = {
    "": (DESKTOP, "light"),
    "-dark": (DESKTOP, "dark"),
    "-phone": (PHONE, "light"),
}

Reach = Callable[[Page], object]


class TeamWithHistory(BrowserTeam):
    """A team with a history of orders."""

    def __init__(self, up: Running, receiver: Receiver) -> None:
        super().__init__(up, "northwind.example")
        partner, api = self.partner, self.partner.api.until_active()
        operate, receiver.secret = partner.command, partner.webhook_secret.encode()
        operate("partner", "set", partner.email, "--webhook-url", receiver.url)
        fill(EmbeddedPostgres(up.data_dir / "postgres").url(user=SUPERUSER), partner.id, ORDERS)
        prices = msgspec.json.encode(PRICES).decode()
        own(partner, AMOUNTS, prices, prices)
        for previous, (name, label) in CODES.items():
            own(
                partner,
                "UPDATE codes SET code = %s, label = %s WHERE code = %s",
                name,
                label,
                previous,
            )
        operate("payout", "mark-paid", partner.email, "--reference", "SEPA 2026-11 / 4471")
        done, held = (api.call("/create", order_request()).data for _ in range(2))
        operate("sandbox", "deposit", held["id"], "--amount", MUCH)
        partner.carried(done)
        sent = self.owner.send_form("/partner/webhooks", "/partner/webhooks/test")
        details = "/partner/payout-history/details"
        request = {
            "asset": "usdt_trc20",
            "address": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
            "tag": "",
        }
        assert self.owner.send_form(details, details, **request).status == 303
        self.order = f"/partner/orders/{done['id']}"
        self.event = sent.location


def paths(team: TeamWithHistory) -> dict[str, Reach]:
    """Return how the page of each screenshot is reached."""

    def at(path: str) -> Reach:
        return lambda page: page.goto(path)

    def new_codes(page: Page) -> None:
        page.goto("/partner/account/second-factor")
        page.get_by_text("Generate new codes").first.click()
        page.locator("form[action$=recovery-codes] button").click()

    def new_password(page: Page) -> None:
        email, operate = f"alan-{uuid4().hex[:4]}@northwind.example", team.partner.command
        operate("partner", "create", "--email", email, "--name", "Northwind Wallet")
        sign_in_page(page)
        page.get_by_label("Email address").fill(email)
        page.get_by_label("Password").fill(operate("partner", "password", email)["password"])
        page.get_by_role("button", name="Sign in").click()

    return {
        "dashboard": at("/partner/dashboard"),
        "orders": at("/partner/orders"),
        "order": at(team.order),
        "codes": at("/partner/codes"),
        "code": at("/partner/codes/wallet-app"),
        "keys": at("/partner/keys"),
        "webhooks": at("/partner/webhooks"),
        "webhook-event": at(team.event),
        "webhook-signature": at("/partner/webhooks/signature"),
        "payouts": at("/partner/payout-history"),
        "statement": at("/partner/payout-history/1"),
        "payout-details": at("/partner/payout-history/details"),
        "team": at("/partner/team"),
        "log": at("/partner/team/log"),
        "account": at("/partner/account"),
        "second-factor": at("/partner/account/second-factor"),
        "second-factor-off": at("/partner/account/second-factor"),
        "verify": at("/partner/verify?next=%2Fpartner%2Fkeys"),
        "new-secret": new_secret_page,
        "invited": invitation_page,
        "recovery-codes": new_codes,
        "login": sign_in_page,
        "new-password": new_password,
    }


def main() -> None:
    """Take all screenshots."""
    with tempfile.TemporaryDirectory() as directory, receiving("") as receiver:
        up = start_up(Path(directory) / "data")
        try:
            team = TeamWithHistory(up, receiver)
            with browser() as chromium:
                for name, reach in paths(team).items():
                    _take(team, chromium, name, reach)
        finally:
            stop(up)


def _take(team: BrowserTeam, chromium: Browser, name: str, reach: Reach) -> None:
    for suffix, (size, scheme) in LOOKS.items():
        role = "viewer" if name.endswith("-off") else "owner"  # the viewer has no second factor
        page = team.open_page(chromium, role, size=size, scheme=scheme)
        reach(page)
        taken = Image.open(BytesIO(page.screenshot(full_page=True))).convert("RGB")
        few_colours = taken.quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few_colours.save(PICTURES / f"cabinet-{name}{suffix}.png", optimize=True)
        page.context.close()


if __name__ == "__main__":
    main()
