"""People who browse the pages: they sign in to the cabinet where there is one, and look around."""

import json
import os
import random
import re
from typing import ClassVar, Final

from locust import FastHttpUser, between, events, task

from bench.locust import share  # noqa: F401  tells at the end what locust took

PUBLIC: Final = ("/docs", "/docs/quickstart", "/docs/price", "/docs/webhooks")
SIGN_IN: Final = "/partner/login"
CABINET: Final = (
    "/partner/dashboard",
    "/partner/orders",
    "/partner/keys",
    "/partner/webhooks",
    "/partner/payout-history",
)
"""To add a page, add its path. One that this version doesn't have is left out, and said so."""

HIDDEN: Final = re.compile(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"')


class Visitor(FastHttpUser):
    """Reads a page, then another one, a second or three later."""

    wait_time = between(1, 3)
    missing: ClassVar[set[str]] = set()

    def on_start(self) -> None:
        """Sign in, where there is a cabinet and somebody to sign in as."""
        self.pages = list(PUBLIC)
        with self.client.get(SIGN_IN, name=SIGN_IN, catch_response=True) as form:
            if form.status_code == 404:
                Visitor.missing.add(SIGN_IN)
                form.success()
                return
            hidden = dict(HIDDEN.findall(form.text or ""))
        told = json.loads(os.environ.get("BENCH_CABINET", "{}"))
        if not told:
            return
        fields = {**hidden, "email": told["email"], "password": told["password"]}
        origin = {"Origin": str(self.host)}
        with self.client.post(
            SIGN_IN, data=fields, headers=origin, name="sign in", catch_response=True
        ) as signed_in:
            if signed_in.status_code >= 400 or "/partner/login" in str(signed_in.url):
                signed_in.failure(f"not signed in: {signed_in.status_code}")
                return
        self.pages += CABINET

    @task
    def look(self) -> None:
        """Read one of the pages."""
        page = random.choice(self.pages)
        with self.client.get(page, catch_response=True) as answer:
            if answer.status_code == 404:
                Visitor.missing.add(page)
                self.pages.remove(page)
                answer.success()


@events.quitting.add_listener
def _tell_what_is_missing(**_: object) -> None:
    if Visitor.missing:
        print(f"left out, for this version doesn't have it: {', '.join(sorted(Visitor.missing))}")
