"""Dashboard, orders and payouts without scripts: figures, filters, CSV exports, permissions."""

import csv
import io
import re
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person
from tests.support.clients.partner import Partner, order_request, quote_request
from tests.support.clients.team import own, signed_in
from tests.support.waiting import ALL_WORKERS, wait_until

TRON = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
SCRIPT = "<script>alert('x')</script>"
DETAILS = "/partner/payout-history/details"
MONEY = re.compile(r"\$[\d,]+\.\d\d")


class Shop(msgspec.Struct):
    """A partner with two completed orders, one of them with a code, and a new one."""

    partner: CabinetPartner
    api: Partner
    owner: Person
    code: str
    done: list[dict[str, Any]]
    new: dict[str, Any]

    @property
    def up(self) -> Running:
        return self.partner.up

    def sql(self, statement: str, *parameters: object) -> None:
        own(self.partner, statement, *parameters)

    def rows(self, query: str = "") -> list[dict[str, str]]:
        response = self.owner.get(f"/partner/orders.csv?{query}")
        assert response.status == 200
        return list(csv.DictReader(io.StringIO(response.text)))


@pytest.fixture(scope="module")
def shop(up: Running) -> Shop:
    partner = CabinetPartner.new(up)
    up.json("partner", "set", partner.email, "--base-fee-share-bps", "1000")
    api, code = partner.api.until_active(), f"shop-{uuid4().hex[:8]}"
    assert api.call("/codes", {"code": code, "label": SCRIPT, "afftaxBps": 200}).code == 0
    coded = Partner(up.base_url, f"{api.api_key}.{code}", api.api_secret)
    wait_until(
        lambda: coded.call("/price", quote_request()).data["markupBps"],
        (200).__eq__,
        consecutive=ALL_WORKERS,
    )
    done = [
        api.call("/create", order_request()).data,
        coded.call("/create", order_request(toCcy="trx")).data,
    ]
    partner.carried(*done)
    new = api.call("/create", order_request()).data
    return Shop(partner, api, partner.owner(), code, done, new)


def test_the_same_figures_appear_on_every_page_in_the_api_and_in_the_command(shop: Shop) -> None:
    account = shop.up.json("earnings", "show", shop.partner.email)
    (code,) = shop.api.call("/codes", method="GET").data
    page = shop.owner.get("/partner/dashboard?by=month&show=earned").text
    assert f"${account['balanceUsd']}" in page
    earned = sum(float(row["earned_usd"] or 0) for row in shop.rows())
    assert earned == pytest.approx(float(account["accruedUsd"]), abs=0.011)  # two rounded rows
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    assert MONEY.findall(table)[1] == f"${account['accruedUsd']}"  # this month's: volume, earned
    statement = shop.owner.get("/partner/payout-history/open").text
    assert f"Markup of code {shop.code}" in statement
    assert f"${code['earningsUsd']}" in statement
    assert f"${account['accruedUsd']}" in statement
    (row,) = shop.rows(f"code={shop.code}")
    assert row["id"] == shop.done[1]["id"]


def test_a_completed_order_without_earnings_shows_zero(up: Running) -> None:
    partner = CabinetPartner.new(up)
    order = partner.api.until_active().call("/create", order_request(toCcy="trx")).data
    owner, path = partner.owner(), f"/partner/orders/{order['id']}"
    assert "none yet" in owner.get(path).words()
    partner.carried(order)
    for page in (path, "/partner/orders"):
        words = owner.get(page).words()
        assert "$0.00" in words
        assert "none yet" not in words


def test_the_dashboard_counts_new_orders_immediately(shop: Shop) -> None:
    for by in ("day", "week", "month", "nonsense"):
        page = shop.owner.get(f"/partner/dashboard?by={by}&show=orders")
        assert page.status == 200
        assert re.search(r"<b>3</b>", page.text)
        assert "<svg" in page.text
        assert "style=" not in page.text


def test_the_rate_limit_shows_the_weight_used_and_reading_it_is_free(up: Running) -> None:
    """Of a new partner: what others called a minute ago is added to their budget again."""
    partner = CabinetPartner.new(up)
    order = partner.api.until_active().call("/create", order_request()).data
    owner = partner.owner()

    def left() -> int:
        page = owner.get("/partner/dashboard/budget", HX_Request="true").text
        match = re.search(r'"big">([\d,]+) <small>of 2,500', page)
        assert match is not None
        return int(match[1].replace(",", ""))

    before = left()
    assert before == left()
    partner.api.call("/qr", {"id": order["id"], "token": order["token"]})
    assert left() == before - 5


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", "both new"),
        ("status=DONE", "both"),
        ("status=NEW", "new"),
        ("status=EMERGENCY", ""),
        ("asset=trx", "coded"),
        ("asset=trx&status=NEW", ""),
        ("since=2020-01-01&until=2020-01-02", ""),
        ("since=2020-01-01&until=2999-12-31", "both new"),
        ("since=nonsense&asset=nothing&status=nothing", "both new"),
        ("code=nobodys", ""),
        ("until=9999-12-31", "both new"),
    ],
)
def test_filters_in_the_query_string_select_orders(shop: Shop, query: str, shown: str) -> None:
    ids = {
        "both": [order["id"] for order in shop.done],
        "coded": [shop.done[1]["id"]],
        "new": [shop.new["id"]],
    }
    expected = {one for name in shown.split() for one in ids[name]}
    page = shop.owner.get(f"/partner/orders?{query}")
    assert page.status == 200
    assert set(re.findall(r'href="/partner/orders/([0-9a-f-]{36})"', page.text)) == expected
    assert {row["id"] for row in shop.rows(query)} == expected


def test_invalid_filters_are_shown_with_their_errors(shop: Shop) -> None:
    page = shop.owner.get("/partner/orders?since=1.5.2026&id=xyz").words()
    assert "Enter a date such as 2026-05-01." in page
    assert "An order id consists of digits and the letters a to f." in page
    assert "Enter at least 8 characters." in shop.owner.get("/partner/orders?id=01a2").words()


def test_an_orders_page_shows_its_timeline_and_no_access_token(shop: Shop) -> None:
    order = shop.done[0]
    page = shop.owner.get(f"/partner/orders/{order['id']}")
    words = page.words()
    for text in ("Order created", "detected", "confirmed", "Payout sent", "DONE", "No webhooks"):
        assert text in words
    shown = shop.api.call("/order", {"id": order["id"], "token": order["token"]}).data
    assert shown["to"]["tx"]["id"] in page.text
    for path in ("/partner/orders", "/partner/orders.csv", f"/partner/orders/{order['id']}"):
        assert order["token"] not in shop.owner.get(path).text


def test_polling_an_order_returns_nothing_unless_it_changed(shop: Shop) -> None:
    path = f"/partner/orders/{shop.new['id']}"
    match = re.search(r'hx-get="([^"]+)"', shop.owner.get(path).text)
    assert match is not None
    assert shop.owner.get(match[1], HX_Request="true").status == 204
    assert shop.owner.get(f"{path}?seen=other", HX_Request="true").status == 200


def test_polling_the_list_returns_current_rows_and_the_number_of_new_orders(shop: Shop) -> None:
    newest, oldest = shop.new["id"], shop.done[0]["id"]
    ids = f"{newest},{oldest},{uuid4()},nonsense"
    live = shop.owner.get(f"/partner/orders-live?ids={ids}&than={newest}").text
    assert set(re.findall(r'id="status-([0-9a-f-]{36})"', live)) == {newest, oldest}
    assert "new order" not in live
    later = shop.owner.get(f"/partner/orders-live?ids={oldest}&than={oldest}&status=NEW").text
    assert "Show 1 new order" in " ".join(later.split())


def test_another_partners_orders_and_statements_are_not_shown(shop: Shop, up: Running) -> None:
    stranger = CabinetPartner.new(up).owner()
    order = shop.new["id"]
    assert stranger.get(f"/partner/orders/{order}").status == 404
    assert shop.owner.get(f"/partner/orders/{uuid4()}").status == 404
    for path in (
        "/partner/orders",
        f"/partner/orders?id={order}",
        f"/partner/orders?code={shop.code}",
        "/partner/orders.csv",
        f"/partner/orders-live?ids={order}&than={shop.done[0]['id']}",
    ):
        response = stranger.get(path)
        assert response.status == 200
        assert f'/partner/orders/{order}"' not in response.text, path
        assert f"status-{order}" not in response.text
    assert "No orders yet" in stranger.get("/partner/dashboard").text
    assert stranger.get("/partner/payout-history/1").status == 404
    assert stranger.get("/partner/payout-history/nonsense").status == 404


def test_a_deleted_order_is_hidden_but_still_counted(shop: Shop) -> None:
    extra = shop.api.call("/create", order_request()).data
    shop.up.json("sandbox", "expire", extra["id"])
    path = f"/partner/orders/{extra['id']}"
    assert shop.owner.get(path).status == 200
    before = shop.owner.get("/partner/dashboard?show=orders").text
    shop.sql("UPDATE orders SET deleted_at = now() WHERE id = %s", extra["id"])
    assert shop.owner.get(path).status == 404
    assert extra["id"] not in shop.owner.get("/partner/orders").text
    assert extra["id"] not in {row["id"] for row in shop.rows()}
    tiles = re.compile(r"<b>[^<]+</b>")
    assert tiles.findall(shop.owner.get("/partner/dashboard?show=orders").text) == tiles.findall(
        before
    )


def test_labels_and_tags_are_escaped_on_every_page_and_in_csv(shop: Shop) -> None:
    order = shop.api.call("/create", order_request(amount="0.02")).data
    shop.sql(
        "UPDATE orders SET destination_tag = %s, refund_address = %s WHERE id = %s",
        f"=HYPERLINK({SCRIPT})",
        "@SUM(A1)",
        order["id"],
    )
    for path in ("/partner/orders", f"/partner/orders/{order['id']}", "/partner/dashboard"):
        text = shop.owner.get(path).text
        assert "<script>alert" not in text, path
    assert "&lt;script&gt;alert" in shop.owner.get("/partner/orders").text
    (row,) = [one for one in shop.rows() if one["id"] == order["id"]]
    assert row["to_tag"] == f"'=HYPERLINK({SCRIPT})"
    assert row["refund_address"] == "'@SUM(A1)"


def test_filters_are_escaped(shop: Shop) -> None:
    for name in ("status", "code", "asset", "since", "until", "id", "older", "ids", "than"):
        text = shop.owner.get(f"/partner/orders?{name}=%22%3E%3Cscript%3Ealert(1)").text
        assert "<script>alert" not in text, name


def test_a_payout_ends_the_period_and_its_statement_adds_up(shop: Shop) -> None:
    balance = shop.up.json("earnings", "show", shop.partner.email)["balanceUsd"]
    reference = f"=1+1 {uuid4().hex[:6]}"
    paid = shop.up.json("payout", "mark-paid", shop.partner.email, "--reference", reference)
    assert (paid["amountUsd"], paid["sentTo"]) == (balance, None)
    page = shop.owner.get("/partner/payout-history").text
    assert reference in page
    assert f"${balance}" in page
    assert f"${balance}" in shop.owner.get("/partner/payout-history/1").text
    lines = list(
        csv.DictReader(io.StringIO(shop.owner.get("/partner/payout-history/1/statement.csv").text))
    )
    *parts, whole, out = lines
    cents = [round(float(line["amount_usd"]) * 100) for line in parts]
    assert sum(cents) == round(float(whole["amount_usd"]) * 100)
    assert (out["what"], out["amount_usd"]) == ("paid out", balance)
    assert out["reference"] == f"'{reference}"


def test_only_owners_with_a_recent_code_change_payout_details(up: Running) -> None:
    partner = CabinetPartner.new(up)
    up.json("partner", "set", partner.email, "--events", "payout_details.changed")
    fields = {"asset": "usdt_trc20", "address": TRON, "tag": ""}
    for role in ("developer", "viewer"):
        other = signed_in(partner, role)
        assert 'name="address"' not in other.get(DETAILS).text
        assert other.send_form(DETAILS, DETAILS, **fields).status == 403
    plain = partner.owner()
    assert plain.send_form(DETAILS, DETAILS, **fields).status == 403  # no second factor
    assert "No payout details yet" in plain.get(DETAILS).text
    owner, _ = partner.owner_with_factor()
    wrong = owner.send_form(DETAILS, DETAILS, **fields | {"address": TRON[:-1] + "9"})
    assert wrong.status == 422
    assert "isn&#39;t a valid Tron address" in wrong.text
    done = owner.send_form(DETAILS, DETAILS, **fields)
    assert done.location == DETAILS
    page = owner.get(DETAILS).text
    assert "take effect in 24 hours" in page
    assert TRON in page
    assert (
        "requested new payout details"
        in signed_in(partner, "viewer").get("/partner/dashboard").text
    )
    details = up.json("payout", "details", partner.email)
    assert (details["current"], details["pending"]["address"]) == (None, TRON)
    owner.age_verification(up, seconds=3_600)
    again = owner.send_form(DETAILS, DETAILS, **fields)
    assert again.status == 403
    assert "code" in again.words()
    cancel = re.search(rf'action="({DETAILS}/[0-9a-f-]+/withdraw)"', page)
    assert cancel is not None
    stranger = CabinetPartner.new(up).owner()
    assert stranger.send_form(DETAILS, cancel[1]).status == 404
    assert owner.send_form(DETAILS, cancel[1]).status == 303
    assert up.json("payout", "details", partner.email)["pending"] is None
    assert owner.get(DETAILS).text.count(TRON) == 1  # among the canceled changes


def test_pages_are_below_60_kilobytes(shop: Shop) -> None:
    for path in ("/partner/dashboard", "/partner/orders", "/partner/payout-history"):
        assert len(shop.owner.get(path).text.encode()) < 60_000
