"""Section 10 of the contract: referral links, their cookie, and attribution of orders."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.conftest import Running, start_up
from tests.support.builders.orders import Swaps
from tests.support.clients.partner import send
from tests.support.clients.visitor import Visitor
from tests.support.waiting import ALL_WORKERS, wait_until

PAIR = "/?from=btc&to=usdt_trc20"


@pytest.fixture(scope="module")
def swaps(by_hand: Running) -> Swaps:
    return Swaps(by_hand)


@pytest.fixture
def guest(by_hand: Running) -> Visitor:
    return Visitor(by_hand.base_url)


def new_code(swaps: Swaps, markup_bps: int | None = 200) -> str:
    code = f"link-{uuid4().hex[:10]}"
    swaps.partner.call("/codes", {"code": code, "afftaxBps": markup_bps}).data  # noqa: B018  checks
    return code


def listed(swaps: Swaps, code: str) -> dict[str, object]:
    signed = swaps.partner.headers(b"")
    codes = send(f"{swaps.up.base_url}/v1/codes", headers=signed, method="GET").data
    return next(one for one in codes if one["code"] == code)


def shows_fee(guest: Visitor, percent: str, **headers: str) -> bool:
    return f"in the rate {percent}%" in guest.get(PAIR, **headers).words()


def test_a_referral_link_preselects_its_pair_and_sets_the_cookie(
    swaps: Swaps, guest: Visitor
) -> None:
    code = new_code(swaps)
    response = guest.get(f"/r/{code}?from=btc&to=usdt_trc20")
    assert (response.status, response.location) == (302, PAIR)
    cookie = response.headers["set-cookie"]
    assert cookie.endswith("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax")
    assert shows_fee(guest, "2.5")


def test_an_order_of_a_referred_user_belongs_to_the_partner_and_earns(
    swaps: Swaps, guest: Visitor
) -> None:
    code = new_code(swaps)
    guest.get(f"/r/{code}")
    path = guest.opened()
    order_id, _, token = path.removeprefix("/order/").partition("?t=")
    order = swaps.shown({"id": order_id, "token": token})
    assert order["markupBps"] == 200
    assert listed(swaps, code)["orders"] == 1
    for step in ("deposit", "confirm", "payout"):
        swaps.command("sandbox", step, order_id)
    figures = wait_until(lambda: listed(swaps, code), lambda one: one["earningsUsd"] != "0.00")
    earned = float(str(figures["earningsUsd"]))
    volume = float(str(figures["volumeUsd"]))
    assert abs(earned - volume * 0.02) < 0.02


def test_a_code_without_its_own_markup_uses_the_partners_markup(
    swaps: Swaps, guest: Visitor
) -> None:
    swaps.command("partner", "set", swaps.email, "--markup-bps", "70")
    guest.get(f"/r/{new_code(swaps, None)}")
    wait_until(lambda: shows_fee(guest, "1.2"), context=lambda: guest.get(PAIR).words())


def test_unknown_disabled_and_malformed_codes_return_the_same_response(
    swaps: Swaps, guest: Visitor
) -> None:
    disabled = new_code(swaps)
    swaps.partner.call("/codes", {"code": disabled}, method="DELETE").data  # noqa: B018  checks
    unknown = "a" * len(disabled)
    responses = [
        guest.get(f"/r/{code}?from=btc&to=ltc") for code in (disabled, unknown, "x", "%00")
    ]
    response_headers = [
        {name: value for name, value in one.headers.items() if name != "date"} for one in responses
    ]
    assert all(one == response_headers[0] for one in response_headers)
    assert "set-cookie" not in response_headers[0]
    assert {(one.status, one.location, one.text) for one in responses} == {
        (302, "/?from=btc&to=ltc", "")
    }


def test_a_disabled_partner_is_attributed_no_order(swaps: Swaps, by_hand: Running) -> None:
    other_partner = Swaps(by_hand)
    code = new_code(other_partner)
    guest = Visitor(by_hand.base_url)
    guest.get(f"/r/{code}")
    assert shows_fee(guest, "2.5")
    swaps.command("partner", "disable", other_partner.email)
    wait_until(
        lambda: shows_fee(guest, "0.5"),
        consecutive=ALL_WORKERS,
        context=lambda: guest.get(PAIR).words(),
    )
    path = guest.opened()
    order_id = UUID(path.removeprefix("/order/").partition("?")[0])
    assert other_partner.command("order", "show", str(order_id))["markupBps"] == 0


def test_a_code_disabled_after_the_link_was_followed_is_attributed_no_order(
    swaps: Swaps, guest: Visitor
) -> None:
    code = new_code(swaps)
    guest.get(f"/r/{code}")
    form = guest.filled()
    swaps.partner.call("/codes", {"code": code}, method="DELETE").data  # noqa: B018  checks
    shown = guest.post("/", form)  # at once: workers may not have read the change yet
    assert shown.status == 409, "the price without the markup is confirmed first"
    path = guest.post("/", shown.fields() | {"step": "open"}).location
    order_id = path.removeprefix("/order/").partition("?")[0]
    assert swaps.command("order", "show", order_id)["markupBps"] == 0
    assert listed(swaps, code)["orders"] == 0


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("", "/"),
        ("?from=nothing&to=usdt_trc20", "/?to=usdt_trc20"),
        ("?from=//evil.example&to=https://evil.example", "/"),
        ("?next=https://evil.example&from=btc", "/?from=btc"),
        ("?from=btc%0d%0aSet-Cookie:%20a=b", "/"),
        ("?from=btc&to=btc", "/?from=btc&to=btc"),
    ],
)
def test_a_referral_link_never_redirects_to_another_site(
    guest: Visitor, query: str, path: str
) -> None:
    response = guest.get(f"/r/nobody{query}")
    assert (response.status, response.location) == (302, path)


def test_a_forged_referral_cookie_is_ignored(swaps: Swaps, guest: Visitor) -> None:
    code, other_code = new_code(swaps), new_code(swaps, 300)
    guest.get(f"/r/{code}")
    genuine = guest.cookies["ref"]
    key, _, issued, mac = genuine.split(".")
    forged = [
        *(f"{key}.{other_code}.{issued}.{mac}", f"{key}.{code}.{int(issued) + 1}.{mac}"),
        *(
            f"k9.{code}.{issued}.{mac}",
            f"{key}.{code}.{issued}.{'0' * 64}",
            genuine[:-1],
            genuine + "0",
        ),
        *("", "x", '"', "a" * 5_000, "../../etc"),
    ]
    for cookie in forged:
        guest.cookies = {"ref": cookie}
        assert shows_fee(guest, "0.5"), cookie
    guest.cookies = {"ref": genuine}
    assert shows_fee(guest, "2.5")


@pytest.mark.parametrize(
    "cookies",
    ["foo; {}", "{}; foo", 'foo="; {}', "=; {}", "f,o:o=1; {}", "foo=\xe9; {}", ";; {};"],
)
def test_referral_survives_a_malformed_cookie_beside_it(
    swaps: Swaps, guest: Visitor, cookies: str
) -> None:
    guest.get(f"/r/{new_code(swaps)}")
    referral = f"ref={guest.cookies.pop('ref')}"
    assert shows_fee(guest, "0.5")
    assert shows_fee(guest, "2.5", Cookie=cookies.format(referral))


def test_the_referral_cookie_discloses_nothing_about_the_partner(
    swaps: Swaps, guest: Visitor
) -> None:
    partner = swaps.command("partner", "show", swaps.email)
    code = new_code(swaps)
    guest.get(f"/r/{code}")
    cookie = guest.cookies["ref"]
    page = guest.get(PAIR).text
    for secret in (partner["id"], partner["apiKey"], swaps.email, code):
        assert secret not in page
    assert str(partner["id"]) not in cookie
    assert str(partner["apiKey"]) not in cookie


def test_the_last_referral_link_is_attributed(swaps: Swaps, guest: Visitor) -> None:
    guest.get(f"/r/{new_code(swaps, 100)}")
    guest.get(f"/r/{new_code(swaps, 300)}")
    assert shows_fee(guest, "3.5")
    guest.get("/r/nobody")
    assert shows_fee(guest, "3.5")


def test_brand_settings_that_pages_cannot_show_are_rejected_at_startup(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="is not readable on"):
        start_up(tmp_path / "data", environment={"SWAPGATE_BRAND_COLOURS": "accent=#ffff00"})
