"""The public pages in a browser: complete swaps, with and without scripts, and accessibility."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect
from typer.testing import Result

from tests.browser.chromium import DESKTOP, PHONE, console_errors, page_faults, violations
from tests.conftest import Running
from tests.support.builders.orders import MUCH, Swaps
from tests.support.clients.visitor import REFUND, TO
from tests.support.waiting import wait_until

PAIR = "from=btc&to=usdt_trc20"
ORDER_PAGE = re.compile(r"/order/[0-9a-f-]{36}\?t=[A-Za-z0-9_-]{43}$")
EXPECTED = re.compile(r"status of 4(?:04|22)|: no http")
"""Console errors to ignore: responses expected of a page, and loads aborted by leaving it."""


class ThreadedSwaps(Swaps):
    """Runs the operator's command in a thread: Playwright's event loop occupies this one."""

    def run(self, *arguments: str) -> Result:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(super().run, *arguments).result()


@pytest.fixture(scope="module")
def auto_settled(up: Running) -> Swaps:
    """A partner of the service whose sandbox settles deposits automatically."""
    return ThreadedSwaps(up)


@pytest.fixture(scope="module")
def swaps(by_hand: Running) -> Swaps:
    return ThreadedSwaps(by_hand)


@pytest.fixture
def context(chromium: Browser, by_hand: Running) -> Iterator[BrowserContext]:
    browser_context = chromium.new_context(base_url=by_hand.base_url, viewport=DESKTOP)
    yield browser_context
    browser_context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def order_of(page: Page) -> str:
    return page.url.partition("/order/")[2].partition("?")[0]


def fill(page: Page, path: str = f"/?{PAIR}&amount=0.01") -> None:
    page.goto(path)
    page.get_by_label("Your USDT address").fill(TO)
    page.get_by_label("BTC refund address").fill(REFUND)


def open_order(page: Page) -> None:
    fill(page)
    page.get_by_role("button", name="Create swap").click()
    expect(page).to_have_url(ORDER_PAGE)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_referred_user_swaps_and_the_partner_earns(
    chromium: Browser, auto_settled: Swaps, *, scripts: bool
) -> None:
    code = f"link-{uuid4().hex[:10]}"
    partner = auto_settled.partner
    assert partner.call("/codes", {"code": code, "afftaxBps": 150}).code == 0
    context = chromium.new_context(
        base_url=auto_settled.up.base_url, viewport=PHONE, java_script_enabled=scripts
    )
    page = context.new_page()
    console = console_errors(page)
    page.goto(f"/r/{code}?{PAIR}")
    expect(page).to_have_url(re.compile(rf"/\?{PAIR}$"))
    if scripts:  # and the price is shown: otherwise navigating away would abort its request
        with page.expect_response("**/swap/quote"):
            page.get_by_label("You send").fill("0.02")
    else:
        page.get_by_label("You send").fill("0.02")
        page.get_by_role("button", name="Show price").last.click()
    expect(page.locator("#price")).to_contain_text("2%")  # the fee with the code's markup
    page.get_by_label("Your USDT address").fill(TO)
    page.get_by_label("BTC refund address").fill(REFUND)
    page.get_by_role("button", name="Create swap").click()
    expect(page.get_by_role("heading", name="Waiting for your deposit")).to_be_visible()
    auto_settled.command("sandbox", "deposit", order_of(page))

    done = page.get_by_role("heading", name="Done: your payout")
    while not scripts and not done.is_visible():
        page.get_by_role("link", name="Refresh", exact=True).or_(done).click()
    expect(done).to_be_visible()

    def earned() -> str:
        listed = partner.call("/codes", method="GET").data
        return str(next(one for one in listed if one["code"] == code)["earningsUsd"])

    wait_until(earned, lambda usd: float(usd) > 10)  # 1.5 % of 0.02 BTC
    assert console == []
    context.close()


def test_prices_update_while_either_amount_is_typed(page: Page) -> None:
    console = console_errors(page)
    page.goto(f"/?{PAIR}&amount=0.01")
    send, get = page.get_by_label("You send"), page.get_by_label("You get")
    first_amount = get.input_value()
    send.fill("")
    send.press_sequentially("0.02")
    total = page.locator("#price .total dd")
    wait_until(  # each keystroke requests a price
        lambda: (get.input_value(), total.inner_text()),
        lambda prices: prices[0] not in ("", first_amount) and prices[0] in prices[1],
    )
    expect(send).to_be_focused()
    get.fill("100")
    expect(send).not_to_have_value("0.02")
    expect(page.locator("#price .total dd")).to_contain_text("100 USDT")
    get.fill("1.2.3")
    expect(page.locator("#get-error")).to_contain_text("Enter a number such as")
    expect(get).to_have_attribute("aria-invalid", "true")
    get.fill("0.1")
    expect(page.locator("#price")).to_contain_text("The minimum is")
    expect(get).not_to_have_attribute("aria-invalid", "true")
    assert console == []


def test_the_next_price_replaces_the_one_shown_when_its_countdown_ends(page: Page) -> None:
    console = console_errors(page)
    page.clock.install()
    fill(page)
    quote = page.locator("#shown-quote input")
    shown = quote.input_value()
    expect(page.locator("#shown-quote b")).to_have_text(re.compile("0:(30|2[0-9])"))
    with page.expect_response("**/swap/quote"):
        page.clock.fast_forward(31_000)
    expect(quote).not_to_have_value(shown)
    expect(page.locator("#shown-quote b")).to_have_text(re.compile("0:(30|2[0-9])"))
    expect(page.get_by_label("Your USDT address")).to_have_value(TO)
    page.get_by_role("button", name="Create swap").click()
    expect(page).to_have_url(ORDER_PAGE)
    assert console == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_an_expired_price_is_replaced_and_confirmed_again(
    chromium: Browser, swaps: Swaps, *, scripts: bool
) -> None:
    context = chromium.new_context(
        base_url=swaps.up.base_url, viewport=PHONE, java_script_enabled=scripts
    )
    page = context.new_page()

    def expire(route: Route, request: Request) -> None:
        route.continue_(post_data=re.sub(r"quote=[^&]+", "quote=expired", request.post_data or ""))

    fill(page)
    page.route("**/", expire, times=1)
    page.get_by_role("button", name="Create swap").click()
    expect(page.locator("#price .notice")).to_contain_text("This is the current price.")
    expect(page.get_by_label("Your USDT address")).to_have_value(TO)
    if scripts:
        assert page_faults(page) == []
    page.get_by_role("button", name="Create swap").click()
    expect(page).to_have_url(ORDER_PAGE)
    context.close()


def test_changing_the_pair_keeps_the_input_and_shows_the_memo_field(page: Page) -> None:
    fill(page)
    page.get_by_label("Coin to get").focus()
    page.get_by_label("Coin to get").select_option("xrp")
    expect(page.get_by_label("Destination tag")).to_be_visible()
    expect(page.get_by_label("Coin to get")).to_be_focused()
    expect(page.get_by_label("BTC refund address")).to_have_value(REFUND)
    expect(page.locator("#to_address-error")).to_contain_text("valid address on XRP Ledger")
    page.get_by_role("button", name="Reverse the swap").click()
    expect(page.get_by_label("Coin to send")).to_have_value("xrp")
    expect(page.get_by_label("Coin to get")).to_have_value("btc")


def test_an_address_is_validated_when_its_field_loses_focus(page: Page) -> None:
    page.goto(f"/?{PAIR}")
    address = page.get_by_label("Your USDT address")
    address.fill("nonsense")
    address.press("Tab")
    expect(page.locator("#to_address-error")).to_contain_text("This is not a valid address on Tron")
    expect(address).to_have_attribute("aria-invalid", "true")
    address.fill(TO)
    address.press("Tab")
    expect(page.locator("#to_address-error")).to_be_empty()
    expect(address).not_to_have_attribute("aria-invalid", "true")


def test_an_order_is_opened_with_the_keyboard_alone(page: Page) -> None:
    page.goto(f"/?{PAIR}&amount=0.01")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    reached: list[str] = []
    for _ in range(12):
        page.keyboard.press("Tab")
        focused = str(page.evaluate("document.activeElement.id || document.activeElement.value"))
        reached.append(focused)
        if focused == "to_address":
            page.keyboard.type(TO)
        if focused == "refund_address":
            page.keyboard.type(REFUND)
        if focused == "open":
            break
    assert reached == [
        "float",
        "send",
        "from",
        "reverse",
        "get",
        "to",
        "to_address",
        "refund_address",
        "open",
    ]
    page.keyboard.press("Enter")
    expect(page).to_have_url(ORDER_PAGE)
    page.get_by_role("button", name="Copy exact amount").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announced")).to_have_text(re.compile("Copied|Selected"))


def test_enter_in_a_field_shows_a_price_and_opens_no_order(page: Page) -> None:
    fill(page)
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_label("You send").press("Enter")
    page.wait_for_load_state()
    expect(page.get_by_role("button", name="Create swap")).to_be_visible()
    assert "/order/" not in page.url


def test_the_error_summary_is_focused_and_links_to_its_fields(page: Page) -> None:
    page.goto(f"/?{PAIR}&amount=0.01")
    page.get_by_role("button", name="Create swap").click()
    alert = page.get_by_role("alert")
    expect(alert).to_be_focused()
    assert violations(page) == []
    alert.get_by_role("link", name="Enter an address on Bitcoin.").click()
    expect(page.get_by_label("BTC refund address")).to_be_focused()


def test_a_click_counts_when_the_page_changes_while_the_button_is_pressed(page: Page) -> None:
    fill(page)
    page.get_by_label("Your USDT address").fill("nonsense")
    box = page.get_by_role("button", name="Create swap").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 2)
    with page.expect_response("**/swap/check/to_address"):
        page.mouse.down()  # the field loses focus and is checked; its error moves what is below
    page.wait_for_timeout(200)  # the response has been handled
    page.mouse.up()
    expect(page.get_by_role("alert")).to_be_focused()


def test_an_error_that_arrives_while_a_button_is_pressed_is_shown_afterwards(page: Page) -> None:
    fill(page)
    page.get_by_label("Your USDT address").fill("nonsense")
    error = page.locator("#to_address-error")
    with page.expect_response("**/swap/check/to_address"):
        page.mouse.move(5, 5)
        page.mouse.down()
    page.wait_for_timeout(200)
    expect(error).to_be_empty()
    page.mouse.up()
    expect(error).to_contain_text("not a valid address")


def test_a_double_click_opens_one_order(page: Page, swaps: Swaps) -> None:
    fill(page)
    posts: list[Request] = []
    page.on("request", lambda one: posts.append(one) if one.method == "POST" else None)
    page.get_by_role("button", name="Create swap").dblclick()
    expect(page).to_have_url(ORDER_PAGE)
    opened = [one for one in posts if one.url.rstrip("/") == swaps.up.base_url]
    assert len(opened) == 1
    page.go_back()
    expect(page.get_by_role("button", name="Create swap")).to_be_visible()


def test_the_token_is_sent_to_no_other_site(page: Page) -> None:
    requests: list[Request] = []
    page.on("request", lambda one: requests.insert(0, one))
    open_order(page)
    token = page.url.partition("?t=")[2]
    with page.expect_request(re.compile("/live$")):
        pass
    page.get_by_text("Order details").click()
    page.get_by_role("link", name="Public status page").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Status: NEW")
    assert token not in page.content()
    for request in requests:
        headers = request.all_headers()
        assert token not in headers.get("referer", "")
        assert token not in request.url or "/order/" in request.url
    assert page.evaluate("document.referrer") == ""


def held(page: Page, swaps: Swaps) -> None:
    open_order(page)
    swaps.command("sandbox", "deposit", order_of(page), "--amount", MUCH)
    swaps.command("sandbox", "confirm", order_of(page))
    page.reload()


def paid(page: Page, swaps: Swaps) -> None:
    open_order(page)
    for step in ("deposit", "confirm", "payout"):
        swaps.command("sandbox", step, order_of(page))
    page.reload()


def moved(step: str) -> Callable[[Page, Swaps], None]:
    def move(page: Page, swaps: Swaps) -> None:
        open_order(page)
        swaps.command("sandbox", step, order_of(page))
        page.reload()

    return move


def status(page: Page, _: Swaps) -> None:
    open_order(page)
    page.goto(f"/status/{order_of(page)}")


def with_faults(page: Page, _: Swaps) -> None:
    page.goto("/?from=btc&to=xrp&amount=50")
    page.get_by_label("Your XRP address").fill("nonsense")
    page.get_by_role("button", name="Create swap").click()
    expect(page.get_by_role("alert")).to_be_focused()


def details(page: Page, swaps: Swaps) -> None:
    paid(page, swaps)
    page.get_by_text("Order details").click()
    page.get_by_text("Delete order").click()


STATES: dict[str, Callable[[Page, Swaps], object]] = {
    "swap": lambda page, _: page.goto(f"/?{PAIR}"),
    "swap with a memo": lambda page, _: page.goto("/?from=usdt_arbitrum&to=xlm"),
    "faults": with_faults,
    "waiting": lambda page, _: open_order(page),
    "confirming": moved("deposit"),
    "expired": moved("expire"),
    "held": held,
    "done": details,
    "status": status,
    "no order": lambda page, _: page.goto(f"/order/{uuid4()}?t=x"),
}


def test_no_page_state_has_accessibility_errors_or_horizontal_scrolling(
    chromium: Browser, swaps: Swaps
) -> None:
    context = chromium.new_context(base_url=swaps.up.base_url, viewport=PHONE)
    faults = []
    for name, reach in STATES.items():
        page = context.new_page()
        console = console_errors(page)
        reach(page, swaps)
        faults += [f"{name}: {one}" for one in page_faults(page)]
        faults += [f"{name}: {one}" for one in console if not EXPECTED.search(one)]
        page.close()
    context.close()
    assert faults == []


def test_a_held_order_is_decided_and_completes(page: Page, swaps: Swaps) -> None:
    held(page, swaps)
    page.get_by_role("button", name="Request a refund").click()
    expect(page.get_by_role("heading", name="Refunded")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download receipt").click()
    assert "Refund transaction" in download.value.path().read_text()
    page.get_by_text("Delete order").click()
    page.get_by_role("button", name="Delete permanently").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Order deleted")
