"""An adapter in the shape of Cake's exchange providers: limits, rates, trades and their states."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.clients.adapters.cake.api import SwapgateApi
from tests.clients.adapters.cake.currencies import CHAIN_BY_TICKER, CryptoCurrency
from tests.clients.adapters.cake.provider import SwapgateExchangeProvider
from tests.clients.adapters.cake.quotes import UnsupportedPair
from tests.clients.adapters.cake.trade import (
    TradeNotCreated,
    TradeNotFound,
    TradeRequest,
    TradeState,
    state_of,
)
from tests.conftest import Running
from tests.support.clients.partner import Partner
from tests.support.waiting import ALL_WORKERS, wait_until

pytestmark = pytest.mark.slow

BTC = CryptoCurrency("BTC", None, 8)
ETH = CryptoCurrency("ETH", None, 18)
USDT_TRX = CryptoCurrency("USDT", "TRX", 6)
XRP = CryptoCurrency("XRP", None, 6)
WOWNERO = CryptoCurrency("WOW", None, 11)

TO_ADDRESS = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
REFUND_ADDRESS = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
MARGIN = Decimal("1.02")
"""Rates change while a test runs, and limits with them."""


@pytest.fixture(scope="module")
def partner(by_hand: Running) -> Partner:
    return by_hand.new_partner()


@pytest.fixture(scope="module")
def provider(partner: Partner) -> SwapgateExchangeProvider:
    return SwapgateExchangeProvider(
        SwapgateApi(partner.base_url, partner.api_key, partner.api_secret)
    )


def swap(**changes: str) -> TradeRequest:
    given = {"to_address": TO_ADDRESS, "refund_address": REFUND_ADDRESS, **changes}
    return TradeRequest(BTC, USDT_TRX, **given)


def step(partner: Partner, trade_id: str, name: str, **fields: object) -> None:
    assert partner.call(f"/sandbox/{name}", {"id": trade_id, **fields}).code == 0


def test_every_chain_of_the_service_has_a_ticker(partner: Partner) -> None:
    listed = {one["chain"] for one in partner.call("/currencies", {}).data}
    assert listed == set(CHAIN_BY_TICKER.values())


def test_it_is_available_except_during_maintenance(
    provider: SwapgateExchangeProvider, by_hand: Running
) -> None:
    assert provider.check_is_available()
    try:
        by_hand.json("maintenance", "on")
        wait_until(
            provider.check_is_available, lambda available: not available, consecutive=ALL_WORKERS
        )
    finally:
        by_hand.json("maintenance", "off")
        wait_until(provider.check_is_available, consecutive=ALL_WORKERS)


def test_a_service_that_is_not_reached_is_not_available() -> None:
    nobody = SwapgateApi("http://127.0.0.1:1", "key", "secret")
    assert not SwapgateExchangeProvider(nobody).check_is_available()


@pytest.mark.parametrize("is_fixed", [False, True])
def test_amounts_within_the_limits_have_a_rate_and_others_have_none(
    provider: SwapgateExchangeProvider, is_fixed: bool
) -> None:
    pair = (USDT_TRX, BTC) if is_fixed else (BTC, USDT_TRX)
    limits = provider.fetch_limits(*pair, is_fixed_rate_mode=is_fixed)
    assert 0 < limits.min < limits.max

    def rate(amount: Decimal) -> Decimal:
        return provider.fetch_rate(
            BTC, USDT_TRX, amount, is_fixed_rate_mode=is_fixed, is_receive_amount=is_fixed
        )

    assert rate(limits.min * MARGIN) > 0
    assert rate(limits.max / MARGIN) > 0
    assert rate(limits.min / MARGIN) == 0
    assert rate(limits.max * MARGIN) == 0


def test_a_rate_includes_all_fees_and_is_that_of_its_direction(
    provider: SwapgateExchangeProvider,
) -> None:
    def rate(amount: str, *, receive: bool) -> Decimal:
        return provider.fetch_rate(
            BTC, USDT_TRX, Decimal(amount), is_fixed_rate_mode=False, is_receive_amount=receive
        )

    sent = rate("0.01", receive=False)
    received = rate(str(sent * Decimal("0.01")), receive=True)
    assert abs(received / sent - 1) < Decimal("0.01")
    assert rate("0.001", receive=False) < sent, "the network fee weighs more on a small amount"
    assert rate("0", receive=False) == 0


def test_a_currency_that_is_not_offered_has_neither_limits_nor_a_rate(
    provider: SwapgateExchangeProvider,
) -> None:
    with pytest.raises(UnsupportedPair):
        provider.fetch_limits(WOWNERO, BTC, is_fixed_rate_mode=False)
    with pytest.raises(UnsupportedPair, match="PAIR_UNSUPPORTED"):
        provider.fetch_limits(BTC, BTC, is_fixed_rate_mode=False)
    none = provider.fetch_rate(
        WOWNERO, BTC, Decimal(1), is_fixed_rate_mode=False, is_receive_amount=False
    )
    assert none == 0


def test_a_trade_is_opened_with_the_amount_to_send(
    provider: SwapgateExchangeProvider, partner: Partner
) -> None:
    trade = provider.create_trade(swap(from_amount="0.01"), is_fixed_rate_mode=False)
    order = partner.call("/order", {"id": trade.id}).data
    assert (trade.amount, order["type"]) == ("0.01000000", "float")
    assert trade.state is TradeState.AWAITING
    assert (trade.input_address, trade.extra_id) == (order["from"]["address"], None)
    assert (trade.payout_address, trade.refund_address) == (TO_ADDRESS, REFUND_ADDRESS)
    assert trade.created_at < trade.expired_at
    assert provider.find_trade_by_id(trade.id) == trade


def test_a_trade_at_a_fixed_rate_is_opened_with_the_amount_to_receive(
    provider: SwapgateExchangeProvider, partner: Partner
) -> None:
    trade = provider.create_trade(swap(to_amount="250"), is_fixed_rate_mode=True)
    assert trade.receive_amount == "250.000000"
    assert partner.call("/order", {"id": trade.id}).data["type"] == "fixed"


def test_the_tag_of_a_deposit_is_the_extra_id(provider: SwapgateExchangeProvider) -> None:
    refund = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
    wanted = TradeRequest(XRP, BTC, REFUND_ADDRESS, refund, from_amount="50")
    trade = provider.create_trade(wanted, is_fixed_rate_mode=False)
    assert trade.extra_id
    assert trade.extra_id.isdigit()


REJECTED: dict[str, tuple[TradeRequest, str]] = {
    "too small": (swap(from_amount="0.00000001"), "LIMIT_MIN"),
    "too large": (swap(from_amount="100"), "LIMIT_MAX"),
    "an address of another network": (
        swap(from_amount="0.01", to_address=REFUND_ADDRESS),
        "1 INVALID_REQUEST",
    ),
    "a currency that is not offered": (
        TradeRequest(WOWNERO, BTC, REFUND_ADDRESS, "W" * 40, from_amount="1"),
        "WOW to BTC",
    ),
}


@pytest.mark.parametrize("name", REJECTED)
def test_a_trade_that_is_rejected_names_the_reason(
    provider: SwapgateExchangeProvider, name: str
) -> None:
    wanted, reason = REJECTED[name]
    with pytest.raises(TradeNotCreated, match=reason):
        provider.create_trade(wanted, is_fixed_rate_mode=False)


def test_a_trade_is_followed_until_it_is_completed(
    provider: SwapgateExchangeProvider, partner: Partner
) -> None:
    trade = provider.create_trade(swap(from_amount="0.01"), is_fixed_rate_mode=False)
    seen = []
    for name in ("deposit", "confirm", "payout"):
        step(partner, trade.id, name)
        seen.append(provider.find_trade_by_id(trade.id).state)
    assert seen == [TradeState.CONFIRMING, TradeState.EXCHANGING, TradeState.SUCCESS]
    assert provider.find_trade_by_id(trade.id).output_transaction


def expired(partner: Partner, trade_id: str, _: Running) -> None:
    step(partner, trade_id, "expire")


def cancelled(_: Partner, trade_id: str, by_hand: Running) -> None:
    by_hand.json("order", "resolve", trade_id, "cancel")


def held(partner: Partner, trade_id: str, _: Running) -> None:
    step(partner, trade_id, "deposit", late=True)
    step(partner, trade_id, "confirm")


def refunded(partner: Partner, trade_id: str, by_hand: Running) -> None:
    held(partner, trade_id, by_hand)
    by_hand.json("order", "resolve", trade_id, "refund")


ENDS: dict[TradeState, Callable[[Partner, str, Running], None]] = {
    TradeState.EXPIRED: expired,
    TradeState.FAILED: cancelled,
    TradeState.WAITING_AUTHORIZATION: held,
    TradeState.REFUNDED: refunded,
}


@pytest.mark.parametrize("state", ENDS)
def test_a_trade_that_is_not_paid_as_agreed_has_its_state(
    provider: SwapgateExchangeProvider, partner: Partner, by_hand: Running, state: TradeState
) -> None:
    trade = provider.create_trade(swap(from_amount="0.01"), is_fixed_rate_mode=False)
    ENDS[state](partner, trade.id, by_hand)
    found = wait_until(lambda: provider.find_trade_by_id(trade.id), lambda one: one.state is state)
    assert found.is_refund is (state is TradeState.REFUNDED)


def test_a_status_that_is_unknown_is_in_progress() -> None:
    assert state_of("SOMETHING", None) is TradeState.PROCESSING


@pytest.mark.parametrize("trade_id", ["018f0000-0000-7000-8000-000000000000", "no id"])
def test_an_unknown_trade_is_not_found(provider: SwapgateExchangeProvider, trade_id: str) -> None:
    with pytest.raises(TradeNotFound):
        provider.find_trade_by_id(trade_id)


def test_an_ether_amount_keeps_the_decimals_that_the_api_has(
    provider: SwapgateExchangeProvider,
) -> None:
    rate = provider.fetch_rate(
        ETH,
        BTC,
        Decimal("0.012345678912345678"),
        is_fixed_rate_mode=False,
        is_receive_amount=False,
    )
    assert rate > 0
