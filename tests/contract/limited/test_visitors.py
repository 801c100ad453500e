"""What visitors of the swap page see of the operator's limits and brand."""

from uuid import uuid4

from tests.conftest import Running
from tests.support.clients.visitor import Visitor


def test_the_page_has_the_operators_name_and_colors(limited: Running) -> None:
    guest = Visitor(limited.base_url, "198.51.100.1")
    page = guest.get("/")
    assert "Coin &amp; Sons" in page.text
    style = page.text.partition('href="/brand/colours')[2].partition('"')[0]
    css = guest.get(f"/brand/colours{style}")
    assert "--accent: #7a1fa2; --accent-ink: #ffffff;" in css.text
    assert css.headers["content-type"] == "text/css; charset=utf-8"
    logo = guest.get("/brand/logo" + page.text.partition('src="/brand/logo')[2].partition('"')[0])
    assert logo.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert logo.headers["content-security-policy"].startswith("default-src 'none'")
    assert guest.get("/brand/nothing.css").status == 404


def test_orders_are_limited_per_address_and_in_total(limited: Running) -> None:
    greedy = Visitor(limited.base_url, "203.0.113.1")
    statuses = [greedy.post("/", greedy.filled()).status for _ in range(4)]
    assert statuses == [303, 303, 303, 429]
    rejected = greedy.post("/", greedy.filled())
    assert "Wait a moment" in rejected.words()
    assert rejected.fields()["to_address"]  # the input is kept
    others = [Visitor(limited.base_url, f"203.0.113.{number}") for number in (2, 3, 4)]
    assert [one.post("/", one.filled()).status for one in others] == [303, 303, 429]


def test_quotes_and_page_views_are_limited_per_address(limited: Running) -> None:
    guest = Visitor(limited.base_url, "203.0.113.77")
    form = guest.get("/").fields()
    quotes = [guest.post("/swap/quote", form, HX_Request="true") for _ in range(45)]
    assert quotes[0].status == 200
    assert quotes[-1].status == 429
    assert int(quotes[-1].headers["retry-after"]) >= 1
    assert "Wait a moment" in quotes[-1].words()
    statuses = [guest.get(f"/status/{uuid4()}").status for _ in range(45)]
    assert (statuses[0], statuses[-1]) == (404, 429)
    assert Visitor(limited.base_url, "203.0.113.78").get("/").status == 200
