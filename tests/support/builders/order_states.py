"""Orders of round numbers in any state, without a database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from bench.webhooks.orders import bench_order
from domain.assets import Asset, Bounds, FixedRateTerms
from domain.market.conversion import Rate
from domain.market.rates import RateSnapshot
from domain.money import USD_DECIMALS
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import LIFETIME, Order
from domain.orders.states import Choice, State
from domain.orders.terms import SettlementTerms

USD = 10**USD_DECIMALS
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BOUNDS = Bounds(min_usd=USD, max_usd=5_000 * USD)
DEPOSIT = ObservedDeposit("tx", 10_000)
MARKET = RateSnapshot(at=NOW.timestamp(), prices={"AAA": 2 * USD, "BBB": USD})
TERMS = SettlementTerms(MARKET, BOUNDS)
LATE = NOW + LIFETIME + timedelta(seconds=1)
LIVE_RATE = "1.990000000"


def asset(code: str, *, network_fee: int = 0) -> Asset:
    return Asset(code, code.upper(), code, code, 2, network_fee, 0)


def new_order(**changes: object) -> Order:
    source, destination = asset("aaa"), asset("bbb", network_fee=100)
    order = bench_order(UUID(int=1), UUID(int=2), source=source, destination=destination)
    terms: dict[str, object] = {
        "source_amount": 10_000,
        "destination_amount": 9_900,
        "rate": Rate(10**8, 8),
        "network_fee": 100,
        "fee_bps": 0,
        "destination_address": "to",
        "refund_address": "back",
        "pay_in_address": "in",
        "created_at": NOW,
        "expires_at": NOW + LIFETIME,
        "updated_at": NOW,
    }
    return msgspec.structs.replace(order, **(terms | changes))


def confirmed(order: Order, amount: int) -> Order:
    """Confirm the order's only deposit with `amount`."""
    return all_confirmed(order, [ObservedDeposit("tx", amount)])


def all_confirmed(
    order: Order,
    deposits: list[ObservedDeposit] | None = None,
    market: RateSnapshot = MARKET,
    *,
    at: datetime = NOW,
    fixed_rates: FixedRateTerms = TERMS.fixed_rates,
) -> Order:
    """Confirm these deposits, or all observed ones."""
    observed = [ObservedDeposit(deposit.tx_id, deposit.amount) for deposit in order.deposits.all]
    return order.deposits_confirmed(
        observed if deposits is None else deposits,
        terms=SettlementTerms(market, BOUNDS, fixed_rates),
        at=at,
    )


def with_seen(order: Order, *amounts: int, at: datetime = NOW) -> Order:
    """Observe deposits of these amounts as tx0, tx1 ..."""
    for amount in amounts:
        order = order.deposit_seen(ObservedDeposit(f"tx{len(order.deposits.all)}", amount), at=at)
    return order


def held(*amounts: int) -> Order:
    """Return an order held for LIMIT with these deposits."""
    order = all_confirmed(with_seen(new_order(), *amounts))
    assert order.state is State.HELD
    return order


def closed_orders() -> dict[str, Order]:
    """Return orders that accept no more deposits, by the way they ended."""
    paying_out = all_confirmed(with_seen(new_order(), 10_000))
    return {
        "paying out": paying_out,
        "completed": paying_out.payout_broadcast("out", at=NOW),
        "refunding": msgspec.structs.replace(
            held(49), state=State.REFUNDING, choice=Choice.REFUND, has_outflow=True
        ),
        "refunded": held(49).refunded("back", at=NOW),
        "cancelled unpaid": new_order().cancelled(at=NOW),
        "cancelled held": held(49).cancelled(at=NOW),
    }


def with_choice(order: Order, choice: Choice) -> Order:
    return msgspec.structs.replace(order, choice=choice)
