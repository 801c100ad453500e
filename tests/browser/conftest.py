"""One browser per test module, because Playwright's event loop ends with it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import browser

expect.set_options(timeout=30_000)
"""As long as all other steps of a page may take: beside a busy core five seconds are too few."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running
