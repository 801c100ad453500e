"""The swap form while a user types."""

from playwright.sync_api import Browser, Route, expect

from tests.conftest import Running


def test_a_price_that_arrives_while_the_other_amount_is_typed_does_not_replace_it(
    chromium: Browser, by_hand: Running
) -> None:
    page = chromium.new_context(base_url=by_hand.base_url).new_page()
    page.goto("/?from=btc&to=usdt_trc20&amount=0.01")
    send, get = page.get_by_label("You send"), page.get_by_label("You get")

    typed = False

    def type_before_the_response(route: Route) -> None:
        nonlocal typed
        if typed:
            route.continue_()
            return
        typed = True
        response = route.fetch()
        get.fill("100")
        route.fulfill(response=response)

    page.route("**/swap/quote", type_before_the_response)
    send.fill("0.02")
    expect(page.locator("#price .total dd")).to_contain_text("100 USDT")
    expect(get).to_have_value("100")
    expect(send).not_to_have_value("0.02")
    page.context.close()
