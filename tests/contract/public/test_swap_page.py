"""The swap page over HTTP, as a browser without scripts uses it: orders, errors and limits."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from tests.conftest import Running
from tests.support.builders.orders import Swaps
from tests.support.clients.partner import quote_request, send
from tests.support.clients.visitor import REFUND, TO, PageResponse, Visitor
from tests.support.waiting import ALL_WORKERS, wait_until

ORDER_PAGE = re.compile(r"/order/[0-9a-f-]{36}\?t=[A-Za-z0-9_-]{43}")
LITECOIN = "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1"
SHOWN = ("send", "get", "was_send", "was_get", "side", "quote")
"""The fields of the price that the page has shown."""
SCRIPT = "\"'><script>alert(1)</script>"


@pytest.fixture
def visitor(up: Running) -> Visitor:
    return Visitor(up.base_url)


@pytest.fixture(scope="module")
def swaps(by_hand: Running) -> Swaps:
    return Swaps(by_hand)


@pytest.fixture
def guest(by_hand: Running) -> Visitor:
    """A visitor of the service whose settings these tests change."""
    return Visitor(by_hand.base_url)


def quoted(page: PageResponse) -> tuple[str, str]:
    form = page.fields()
    return form["send"], form["get"]


def test_the_page_shows_a_price_at_once_and_every_fee(visitor: Visitor) -> None:
    page = visitor.get("/")
    assert page.status == 200
    send, get = quoted(page)
    assert float(send) > 0
    assert float(get) > 0
    text = page.words()
    assert re.search(r"Rate 1 BTC = [0-9.]+ ETH Service fee included in the rate 0\.5%", text)
    assert re.search(r"Network fee deducted 0\.0004 ETH ≈ \$[0-9.]+ You get [0-9.]+ ETH", text)


def test_either_amount_may_be_edited_without_scripts(visitor: Visitor) -> None:
    form = visitor.get("/?from=btc&to=usdt_trc20&amount=0.01").fields()
    assert form["side"] == "from"
    changed = visitor.post("/", form | {"get": "500", "step": "quote"})
    send, get = quoted(changed)
    assert changed.fields()["side"] == "to"
    assert get == "500"
    assert 0 < float(send) < 0.1
    back = visitor.post("/", changed.fields() | {"send": "0.02", "step": "quote"})
    assert back.fields()["side"] == "from"
    assert float(quoted(back)[1]) > 900


def test_the_opened_order_has_exactly_the_amounts_shown(guest: Visitor) -> None:
    shown = guest.get("/?from=btc&to=usdt_trc20&amount=0.01")
    form = guest.filled() | {name: shown.fields()[name] for name in SHOWN}
    wait_until(lambda: quoted(guest.get("/?from=btc&to=usdt_trc20&amount=0.01")) != quoted(shown))
    page = guest.get(guest.post("/", form).location)
    assert "0.01 BTC" in page.words()
    payout = re.search(r"to → USDT ([0-9.]+) USDT", page.words())
    assert payout is not None
    assert payout[1] == form["get"]


def test_the_two_assets_can_be_swapped(visitor: Visitor) -> None:
    form = visitor.get("/?from=btc&to=eth&amount=0.01").fields()
    turned = visitor.post("/", form | {"to_address": "a", "step": "reverse"}).fields()
    assert (turned["from"], turned["to"]) == ("eth", "btc")
    assert turned["refund_address"] == "a"
    assert float(turned["get"]) > 0


@pytest.mark.parametrize(
    ("query", "pair"),
    [
        ("from=ltc&to=xmr", ("ltc", "xmr")),
        ("from=nothing&to=xmr", ("btc", "xmr")),
        ("from=ltc&to=nothing", ("ltc", "btc")),
        ("from=ltc&to=ltc", ("ltc", "btc")),
        ("from=&to=", ("btc", "eth")),
        ("from=btc&from=ltc&to=eth", ("ltc", "eth")),
        ("from=%00%ff&to=%F0%9F%98%80", ("btc", "eth")),
    ],
)
def test_a_link_preselects_an_existing_pair(
    visitor: Visitor, query: str, pair: tuple[str, str]
) -> None:
    form = visitor.get(f"/?{query}").fields()
    assert (form["from"], form["to"]) == pair


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("to_address", "", "Enter an address on Tron."),
        ("to_address", REFUND, "This is not a valid address on Tron."),
        ("to_address", TO + "x", "This is not a valid address on Tron."),
        ("refund_address", "", "Enter an address on Bitcoin."),
        ("refund_address", TO, "This is not a valid address on Bitcoin."),
        ("send", "", "Enter an amount."),
        ("send", "0", "Enter an amount."),
        ("send", "abc", "Enter a number such as 0.05, with up to 8 decimal places."),
        ("send", "1e3", "Enter a number such as"),
        ("send", "-1", "Enter a number such as"),
        ("send", "0.000000001", "Enter a number such as"),
        ("send", "1,000", "Enter a number such as"),
        ("send", "9" * 400, "Enter a number such as"),
        ("send", "0.000001", "Amount too small to cover the network fee."),
        ("send", "50", "The maximum is 0.0"),
        ("get", "0.5", "The minimum is "),
    ],
)
def test_a_rejected_form_shows_the_reason_and_keeps_the_input(
    visitor: Visitor, field: str, text: str, reason: str
) -> None:
    form = visitor.filled(**{field: text})
    response = visitor.post("/", form)
    assert response.status == 422
    assert reason in response.words()
    fields = response.fields()
    assert fields[field] == text[:300]
    other_field = "refund_address" if field != "refund_address" else "to_address"
    assert fields[other_field] == form[other_field]


def test_a_decimal_comma_is_accepted(visitor: Visitor) -> None:
    form = visitor.get("/?from=btc&to=usdt_trc20").fields()
    response = visitor.post("/", form | {"send": " 0,02 ", "step": "quote"})
    assert quoted(response)[0] == "0.02"
    assert float(quoted(response)[1]) > 900


def test_invisible_characters_are_removed_from_pasted_addresses(guest: Visitor) -> None:
    assert guest.opened(to_address=f" \u200b{TO}\n", refund_address=f"\ufeff{REFUND} ")


def test_the_memo_field_appears_only_for_networks_with_a_memo(guest: Visitor) -> None:
    xrp = {"to_address": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"}
    path = "/?from=btc&to=xrp&amount=0.01"
    assert "Destination tag" in guest.get(path).words()
    assert "tag" not in guest.filled()
    rejected = guest.post("/", guest.filled(path, **xrp, tag="99999999999"))
    assert "This is not a valid destination tag on XRP Ledger." in rejected.words()
    page = guest.get(guest.post("/", guest.filled(path, **xrp, tag="77")).location)
    assert "Destination tag 77" in page.words()


def test_a_form_submitted_twice_opens_one_order(guest: Visitor) -> None:
    form = guest.filled()
    first, second = guest.post("/", form), guest.post("/", form)
    assert first.status == second.status == 303
    assert first.location == second.location
    with ThreadPoolExecutor(8) as threads:
        form = guest.filled()
        paths = {one.location for one in threads.map(lambda _: guest.post("/", form), range(8))}
    assert len(paths) == 1
    changed = guest.post("/", form | {"refund_address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"})
    assert changed.status == 409
    assert "already submitted with different details" in changed.words()
    assert changed.fields()["once"] != form["once"]


@pytest.mark.parametrize("once", ["", "x", "a" * 200, "<b>"])
def test_a_form_without_its_token_is_shown_again(visitor: Visitor, once: str) -> None:
    response = visitor.post("/", visitor.filled() | {"once": once})
    assert response.status == 422
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", response.fields()["once"])


EDITED: dict[str, dict[str, str]] = {
    "another amount to send": {"send": "0.02"},
    "another amount to get": {"get": "300"},
    "another coin to send": {"from": "ltc", "send": "2", "refund_address": LITECOIN},
    "another coin to get": {"to": "ltc", "to_address": LITECOIN},
    "no price shown": {"quote": "", "was_get": "", "get": ""},
    "an altered price": {"quote": "x" * 300},
    "a price that is too long": {"quote": "A" * 4_000},
}


@pytest.mark.parametrize("edit", EDITED)
def test_a_form_without_the_price_of_its_swap_is_shown_with_the_price_and_asks_again(
    guest: Visitor, edit: str
) -> None:
    response = guest.post("/", guest.filled() | EDITED[edit])
    assert response.status == 409
    assert "This is the current price. Review it and confirm again." in response.words()
    assert "You get" in response.words()
    again = response.fields() | {"step": "open"}
    for name, text in EDITED[edit].items():
        assert again[name] == text or name in SHOWN
    confirmed = guest.post("/", again)
    assert confirmed.status == 303
    assert ORDER_PAGE.fullmatch(confirmed.location)


def test_a_form_that_is_submitted_again_with_the_next_price_leads_to_its_order(
    guest: Visitor,
) -> None:
    form = guest.filled()
    first = guest.post("/", form)
    again = guest.post("/", form | {"quote": guest.filled()["quote"]})
    assert (first.status, again.location) == (303, first.location)


def test_a_price_opens_one_order_and_the_next_form_asks_again(guest: Visitor) -> None:
    form = guest.filled()
    assert guest.post("/", form).status == 303
    other = guest.post("/", form | {"once": guest.filled()["once"]})
    assert other.status == 409
    assert other.fields()["quote"] not in ("", form["quote"])


def test_a_price_of_the_api_is_not_used_on_the_page(guest: Visitor, swaps: Swaps) -> None:
    """An unsigned quote has no markup: visitors could avoid that of the partner who refers them."""
    unsigned = send(f"{swaps.up.base_url}/v1/quote", msgspec.json.encode(quote_request())).data[
        "quoteId"
    ]
    signed = swaps.partner.call("/quote", quote_request()).data["quoteId"]
    for quote_id in (unsigned, signed):
        assert guest.post("/", guest.filled() | {"quote": quote_id}).status == 409
    of_page = guest.filled()["quote"]
    order = {"quoteId": of_page, "toAddress": TO, "refundAddress": REFUND}
    assert swaps.partner.call("/create", order).code == 15


def test_the_page_states_how_long_its_price_is_valid(visitor: Visitor) -> None:
    page = visitor.get("/?from=btc&to=usdt_trc20&amount=0.01")
    assert "You get exactly this price if you create the swap within a minute." in page.words()
    assert 'data-next="30"' in page.text
    assert "exactly this price" not in visitor.get("/?from=btc&to=usdt_trc20&amount=x").words()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": "", "Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "", "Origin": "null"},
    ],
)
def test_forms_of_other_sites_are_rejected(visitor: Visitor, headers: dict[str, str]) -> None:
    for path in ("/", "/swap/quote", "/swap/form", "/swap/check/tag"):
        assert visitor.post(path, visitor.filled(), **headers).status == 403


def test_a_browser_that_sends_only_origin_is_accepted(guest: Visitor, by_hand: Running) -> None:
    origin = {"Sec_Fetch_Site": "", "Origin": by_hand.base_url}
    assert guest.post("/", guest.filled(), **origin).status == 303


@pytest.mark.parametrize("body", ["a=1&" * 100, "%", "=", "send=1&send=2"])
def test_malformed_forms_return_an_error_page(visitor: Visitor, body: str) -> None:
    response = visitor._send("POST", "/", body, {"Sec_Fetch_Site": "same-origin"})
    assert response.status in (200, 400)
    json = visitor._send("POST", "/", "{}", {"Content_Type": "application/json"})
    assert json.status == 400


@pytest.mark.parametrize(
    "field",
    [
        *("from", "to", "send", "get", "was_send", "was_get", "side", "type"),
        *("to_address", "tag", "refund_address", "once", "quote", "step"),
    ],
)
def test_input_is_never_rendered_as_markup(visitor: Visitor, field: str) -> None:
    form = visitor.filled("/?from=btc&to=xrp&amount=0.01") | {field: SCRIPT}
    for path in ("/", "/swap/form", "/swap/quote", "/swap/check/to_address"):
        assert "<script>alert" not in visitor.post(path, form).text
    assert "<script>alert" not in visitor.get(f"/?{field}=%22%3E%3Cscript%3Ealert(1)").text


def test_pages_carry_a_strict_csp_and_are_not_cached(visitor: Visitor) -> None:
    page = visitor.get("/")
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in page.headers
    assert not re.search(r"<style|<script>|\sstyle=|\son[a-z]+=", page.text)


def test_a_page_and_all_it_loads_are_below_150_kilobytes(visitor: Visitor) -> None:
    page = visitor.get("/")
    files = set(re.findall(r'(?:href|src)="(/(?:static|brand)/[^"]+)"', page.text))
    assert len(files) >= 6
    sizes = [
        int(visitor.get(one, Accept_Encoding="gzip").headers["content-length"]) for one in files
    ]
    assert sum(sizes) + len(page.text.encode()) < 150_000


@pytest.fixture
def paused(swaps: Swaps) -> Iterator[None]:
    swaps.command("maintenance", "on")
    swaps.partner.until(10, "/price", quote_request())
    yield
    swaps.command("maintenance", "off")
    swaps.partner.until(0, "/price", quote_request())


@pytest.mark.usefixtures("paused")
def test_maintenance_is_shown_and_no_order_is_opened(guest: Visitor) -> None:
    assert "paused for maintenance" in guest.get("/").words()
    response = guest.post("/", guest.filled())
    assert response.status == 422
    assert "paused for maintenance" in response.words()


@pytest.fixture
def without_a_pair(swaps: Swaps) -> Iterator[None]:
    swaps.command("pair", "disable", "btc", "usdt_trc20")
    swaps.partner.until(1, "/price", quote_request())
    yield
    swaps.command("pair", "enable", "btc", "usdt_trc20")
    swaps.partner.until(0, "/price", quote_request())


@pytest.mark.usefixtures("without_a_pair")
def test_a_disabled_pair_stays_selected_with_an_explanation(guest: Visitor) -> None:
    path = "/?from=btc&to=usdt_trc20&amount=0.01"
    page = guest.get(path)
    assert "currently unavailable" in page.words()
    form = page.fields()
    assert (form["from"], form["to"]) == ("btc", "usdt_trc20")
    assert guest.post("/", guest.filled()).status == 422


def test_a_disabled_default_partner_rejects_orders_without_referral(
    swaps: Swaps, guest: Visitor
) -> None:
    default_partner = "house@swapgate.invalid"
    swaps.command("partner", "disable", default_partner)
    try:
        wait_until(lambda: guest.get("/").status, lambda status: status == 503)
        assert guest.post("/", guest.filled()).status in (422, 503)
    finally:
        swaps.command("partner", "enable", default_partner)
    wait_until(lambda: guest.get("/").status, lambda status: status == 200, consecutive=ALL_WORKERS)


def test_prices_without_referral_include_the_default_partners_markup(
    swaps: Swaps, guest: Visitor
) -> None:
    default_partner = "house@swapgate.invalid"

    def text() -> str:
        return guest.get("/").words()

    swaps.command("partner", "set", default_partner, "--markup-bps", "100")
    try:
        wait_until(text, lambda shown: "in the rate 1.5%" in shown)
    finally:
        swaps.command("partner", "set", default_partner, "--markup-bps", "0")
    wait_until(text, lambda shown: "in the rate 0.5%" in shown, consecutive=ALL_WORKERS)
