"""The table of contents: the Markdown file of each page, in reading order."""

from collections.abc import Iterator
from typing import Final

import msgspec

HOME: Final = "index"


class Entry(msgspec.Struct, frozen=True):
    """A page: the name of its file without .md, and its label in the navigation."""

    name: str
    label: str

    @property
    def path(self) -> str:
        """Return the URL path of the page."""
        return "/docs" if self.name == HOME else f"/docs/{self.name}"


class Chapter(msgspec.Struct, frozen=True):
    """Pages under one heading."""

    heading: str
    entries: tuple[Entry, ...]


CONTENTS: Final = (
    Chapter(
        "Start here",
        (
            Entry(HOME, "Overview"),
            Entry("quickstart", "Quickstart"),
            Entry("authentication", "Authentication"),
            Entry("api-keys", "API keys and scopes"),
            Entry("generated-clients", "Generated clients"),
            Entry("go-live", "Go-live checklist"),
            Entry("from-fixedfloat", "Coming from FixedFloat"),
            Entry("wallets", "Wallets"),
        ),
    ),
    Chapter(
        "Endpoints",
        (
            Entry("currencies", "Currencies"),
            Entry("pairs", "Pairs"),
            Entry("price", "Price"),
            Entry("quote", "Quote"),
            Entry("create", "Create"),
            Entry("order", "Order"),
            Entry("orders", "Orders"),
            Entry("emergency", "Emergency"),
            Entry("qr", "QR code"),
            Entry("address-validate", "Validate an address"),
            Entry("keys-rotate", "Rotate keys"),
            Entry("codes", "Referral codes"),
            Entry("sandbox", "Sandbox"),
        ),
    ),
    Chapter(
        "Concepts",
        (
            Entry("conventions", "Conventions"),
            Entry("status", "Order status"),
            Entry("pricing", "Pricing"),
            Entry("errors", "Errors"),
            Entry("rate-limits", "Rate limits"),
            Entry("webhooks", "Webhooks"),
            Entry("versioning", "Versioning"),
            Entry("changelog", "Changes of the API"),
        ),
    ),
    Chapter(
        "Traffic",
        (
            Entry("referral-links", "Referral links"),
            Entry("feeds", "Rate feeds"),
            Entry("cabinet", "Partner dashboard"),
        ),
    ),
    Chapter(
        "Operators",
        (
            Entry("operations", "Operations"),
            Entry("security", "Security"),
            Entry("performance", "Performance"),
        ),
    ),
)


def entries() -> Iterator[Entry]:
    """Return all pages in reading order."""
    for chapter in CONTENTS:
        yield from chapter.entries
