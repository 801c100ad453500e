"""Sections 5 and 7 of the contract: fixed rates, where the operator offers them."""

from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

import msgspec
import psycopg
import pytest

from gateway.instance import INSTANCE_FILE, Instance
from tests.conftest import Running
from tests.support.builders.orders import AGREED, LITTLE, MUCH, Swaps
from tests.support.clients.partner import order_request, quote_request, send
from tests.support.waiting import ALL_WORKERS, wait_until

Order = dict[str, Any]
RATE_TYPES = ("fixed", "float")


@pytest.fixture(scope="module")
def swaps(by_hand: Running) -> Swaps:
    return Swaps(by_hand)


def opened(swaps: Swaps) -> Order:
    return swaps.opened(type="fixed")


def confirmed_at_another_rate(swaps: Swaps, order: Order) -> Order:
    """Confirm an order's deposits after the market has moved away from its rate."""
    swaps.until_another_rate(order)
    return swaps.confirmed(order)


def expire_now(swaps: Swaps, order: Order) -> None:
    """Move an order's expiry into the past, and change nothing else."""
    instance = msgspec.json.decode((swaps.up.data_dir / INSTANCE_FILE).read_bytes(), type=Instance)
    with psycopg.connect(instance.owner_database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE orders SET expires_at = now() - %s WHERE id = %s",
            (timedelta(seconds=1), order["id"]),
        )


def test_pairs_list_both_rate_types(swaps: Swaps) -> None:
    pairs = swaps.partner.call("/pairs").data
    assert all(pair["rateTypes"] == ["FLOAT", "FIXED"] for pair in pairs)


def test_a_fixed_quote_equals_a_float_quote(swaps: Swaps) -> None:
    def both() -> list[object]:  # of one snapshot, which changes once a second
        return [swaps.partner.call("/price", quote_request(type=one)).data for one in RATE_TYPES]

    wait_until(both, lambda quotes: quotes[0] == quotes[1])
    unsigned = send(
        f"{swaps.up.base_url}/v1/price", msgspec.json.encode(quote_request(type="fixed"))
    )
    assert unsigned.code == 0


def test_a_fixed_order_has_type_fixed(swaps: Swaps) -> None:
    order = opened(swaps)
    assert order["type"] == "fixed"
    assert swaps.shown(order)["type"] == "fixed"
    assert {**order, "type": "float"}.keys() == swaps.opened().keys()


@pytest.mark.parametrize(
    "parts", [[AGREED], ["0.004", "0.006"], ["0.00000100", "0.00999800", "0.00000100"]], ids=str
)
def test_the_full_amount_is_exchanged_at_the_fixed_rate(swaps: Swaps, parts: list[str]) -> None:
    order = opened(swaps)
    for part in parts:
        swaps.deposited(order, part)
    confirmed = confirmed_at_another_rate(swaps, order)
    assert confirmed["status"] == "EXCHANGE"
    assert confirmed["rate"] == order["rate"]
    assert confirmed["to"]["amount"] == order["to"]["amount"]
    swaps.command("sandbox", "payout", order["id"])
    done = swaps.shown(order)
    assert done["to"]["tx"]["amount"] == order["to"]["amount"]


def test_a_fixed_payout_amount_is_exact(swaps: Swaps) -> None:
    order = swaps.opened(type="fixed", direction="to", amount="4321.012345")
    swaps.deposited(order, order["from"]["amount"])
    confirmed = confirmed_at_another_rate(swaps, order)
    assert (confirmed["to"]["amount"], confirmed["rate"]) == ("4321.012345", order["rate"])


@pytest.mark.parametrize("parts", [["0.00999999"], ["0.004", "0.005"]], ids=str)
def test_less_than_agreed_is_exchanged_at_the_worse_of_both_rates(
    swaps: Swaps, parts: list[str]
) -> None:
    order = opened(swaps)
    for part in parts:
        swaps.deposited(order, part)
    confirmed = confirmed_at_another_rate(swaps, order)
    assert confirmed["status"] == "EXCHANGE"
    assert confirmed["type"] == "fixed"
    assert Decimal(confirmed["rate"]) <= Decimal(order["rate"])
    assert confirmed["from"]["amount"] == confirmed["from"]["tx"]["amount"]
    assert confirmed["to"]["amount"] == computed_payout(confirmed)


@pytest.mark.parametrize("parts", [["0.01000001"], [AGREED, "0.00000100"], ["0.02"]], ids=str)
def test_more_than_agreed_keeps_the_fixed_rate_for_the_agreed_amount(
    swaps: Swaps, parts: list[str]
) -> None:
    order = opened(swaps)
    for part in parts:
        swaps.deposited(order, part)
    confirmed = confirmed_at_another_rate(swaps, order)
    assert confirmed["status"] == "EXCHANGE"
    assert confirmed["from"]["amount"] == confirmed["from"]["tx"]["amount"]
    assert confirmed["to"]["amount"] == computed_payout(confirmed)
    most = Decimal(confirmed["from"]["amount"]) * Decimal(order["rate"])
    least = Decimal(order["to"]["amount"])
    assert least <= Decimal(confirmed["to"]["amount"]) <= most - Decimal(order["networkFee"])


def computed_payout(order: Order) -> str:
    """Return the payout that a partner computes from the order's published numbers."""
    exact = Decimal(order["from"]["amount"]) * Decimal(order["rate"])
    return str((exact - Decimal(order["networkFee"])).quantize(Decimal("0.000001"), ROUND_DOWN))


def test_a_deposit_detected_before_expiry_is_in_time_whenever_it_is_confirmed(swaps: Swaps) -> None:
    order = opened(swaps)
    swaps.deposited(order, AGREED)
    left = swaps.shown(order)["time"]["left"]
    assert left > 0
    assert confirmed_at_another_rate(swaps, order)["rate"] == order["rate"]


def test_an_amount_completed_after_expiry_is_exchanged_at_the_worse_rate(
    swaps: Swaps,
) -> None:
    order = opened(swaps)
    swaps.deposited(order, "0.004")
    expire_now(swaps, order)
    swaps.deposited(order, "0.006")
    confirmed = confirmed_at_another_rate(swaps, order)
    assert confirmed["status"] == "EXCHANGE"
    assert Decimal(confirmed["rate"]) <= Decimal(order["rate"])
    assert confirmed["to"]["amount"] == computed_payout(confirmed)


@pytest.mark.parametrize("amount", [LITTLE, MUCH])
def test_a_deposit_outside_the_limits_is_an_emergency(swaps: Swaps, amount: str) -> None:
    order = opened(swaps)
    swaps.deposited(order, amount)
    held = swaps.confirmed(order)
    assert (held["status"], held["emergency"]["status"]) == ("EMERGENCY", ["LIMIT"])
    offered = swaps.call("/emergency", order, choice="EXCHANGE")
    if amount == MUCH:
        assert offered.code == 12
        return
    assert offered.data is True
    assert swaps.until(order, "EXCHANGE")["from"]["amount"] == amount


def test_the_full_amount_after_expiry_is_an_emergency(swaps: Swaps) -> None:
    order = opened(swaps)
    swaps.command("sandbox", "expire", order["id"])
    swaps.deposited(order, AGREED)
    held = swaps.confirmed(order)
    assert (held["status"], held["emergency"]["status"]) == ("EMERGENCY", ["EXPIRED"])
    swaps.until_another_rate(order)
    swaps.call("/emergency", order, choice="EXCHANGE")
    assert swaps.until(order, "EXCHANGE")["rate"] != order["rate"]


def test_without_fixed_rates_open_orders_keep_theirs_and_new_ones_are_rejected(
    swaps: Swaps,
) -> None:
    earlier, repeated = opened(swaps), order_request(type="fixed", toCcy="trx")
    key = {"Idempotency-Key": f"fixed-{earlier['id']}"}
    first = swaps.partner.call("/create", repeated, **key).data
    try:
        swaps.command("fixed-rates", "off")
        swaps.partner.until(1, "/price", quote_request(type="fixed"))
        response = swaps.partner.call("/create", order_request(type="fixed"))
        assert (response.status, response.body) == (400, b'{"code":1,"msg":"INVALID_REQUEST"}')
        wait_until(
            lambda: swaps.partner.call("/pairs").data[0]["rateTypes"],
            ["FLOAT"].__eq__,
            consecutive=ALL_WORKERS,
        )
        assert swaps.partner.call("/price", quote_request()).code == 0
        assert swaps.partner.call("/create", repeated, **key).data["id"] == first["id"]
        swaps.deposited(earlier, AGREED)
        assert confirmed_at_another_rate(swaps, earlier)["rate"] == earlier["rate"]
    finally:
        swaps.command("fixed-rates", "on")
        swaps.partner.until(0, "/price", quote_request(type="fixed"))


WRONG_TYPES: dict[str, object] = {
    "upper case": "FIXED",
    "mixed case": "Fixed",
    "a trailing space": "fixed ",
    "empty": "",
    "null": None,
    "a list": ["fixed"],
    "a number": 1,
    "true": True,
    "both": "fixed,float",
    "another word": "locked",
}


@pytest.mark.parametrize("path", ["/price", "/create"])
@pytest.mark.parametrize("name", list(WRONG_TYPES))
def test_an_invalid_type_is_rejected(swaps: Swaps, name: str, path: str) -> None:
    response = swaps.partner.call(path, order_request(type=WRONG_TYPES[name]))
    assert (response.status, response.body) == (400, b'{"code":1,"msg":"INVALID_REQUEST"}')


@pytest.mark.parametrize("path", ["/price", "/create"])
def test_a_type_is_required(swaps: Swaps, path: str) -> None:
    request = order_request()
    del request["type"]
    assert swaps.partner.call(path, request).code == 1
