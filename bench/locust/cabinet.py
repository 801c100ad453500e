"""Users who browse the documentation and the cabinet."""

import json
import os
import random
import re
from typing import ClassVar, Final

from locust import FastHttpUser, between, events, task

from bench.locust import share  # noqa: F401  prints the CPU share of locust at the end

PUBLIC: Final = ("/docs", "/docs/quickstart", "/docs/price", "/docs/webhooks")
SIGN_IN: Final = "/partner/login"
CABINET: Final = (
    "/partner/dashboard",
    "/partner/orders",
    "/partner/keys",
    "/partner/webhooks",
    "/partner/payout-history",
)
"""To add a page, add its path. Pages that this version does not have are skipped and listed."""

HIDDEN: Final = re.compile(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"')


class BrowsingUser(FastHttpUser):
    """Requests a page every one to three seconds."""

    wait_time = between(1, 3)
    missing: ClassVar[set[str]] = set()

    def on_start(self) -> None:
        """Sign in, if there is a cabinet and credentials are configured."""
        self.pages = list(PUBLIC)
        with self.client.get(SIGN_IN, name=SIGN_IN, catch_response=True) as form:
            if form.status_code == 404:
                BrowsingUser.missing.add(SIGN_IN)
                form.success()
                return
            hidden = dict(HIDDEN.findall(form.text or ""))
        credentials = json.loads(os.environ.get("BENCH_CABINET", "{}"))
        if not credentials:
            return
        fields = {**hidden, "email": credentials["email"], "password": credentials["password"]}
        origin = {"Origin": str(self.host)}
        with self.client.post(
            SIGN_IN, data=fields, headers=origin, name="sign in", catch_response=True
        ) as signed_in:
            if signed_in.status_code >= 400 or "/partner/login" in str(signed_in.url):
                signed_in.failure(f"not signed in: {signed_in.status_code}")
                return
        self.pages += CABINET

    @task
    def open_page(self) -> None:
        """Request one of the pages."""
        page = random.choice(self.pages)
        with self.client.get(page, catch_response=True) as response:
            if response.status_code == 404:
                BrowsingUser.missing.add(page)
                self.pages.remove(page)
                response.success()


@events.quitting.add_listener
def _print_missing(**_: object) -> None:
    if BrowsingUser.missing:
        print(f"skipped, not in this version: {', '.join(sorted(BrowsingUser.missing))}")
