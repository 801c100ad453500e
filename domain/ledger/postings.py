"""The ledger's accounts, and the earnings of a completed order as postings that sum to zero."""

from enum import StrEnum

import msgspec

from domain.errors import Unavailable
from domain.market.rates import RateSnapshot
from domain.money import BPS, power_of_ten, quantize_down
from domain.orders.order import Order

CURRENCY = "USD"


class Account(StrEnum):
    """An account of the ledger: debits are negative postings, credits are positive.

    MARKUP and BASE_FEE_SHARE are the partner's, SERVICE_FEE and ROUNDING are the operator's.
    CUSTOMER_PAYOUTS is the customer's share of a deposit at mid prices: the payout, its network
    fee, and price movements since the rate was set. SETTLED_EARNINGS is subtracted from what a
    partner is owed: payouts are credited to PAYOUTS, resets to EARNINGS_RESETS, whose stored name
    stays "clearings" because the ledger is append-only.
    """

    CUSTOMER_DEPOSITS = "customer_deposits"
    CUSTOMER_PAYOUTS = "customer_payouts"
    SERVICE_FEE = "service_fee"
    MARKUP = "markup"
    BASE_FEE_SHARE = "base_fee_share"
    ROUNDING = "rounding"
    SETTLED_EARNINGS = "settled_earnings"
    PAYOUTS = "payouts"
    EARNINGS_RESETS = "clearings"


class Posting(msgspec.Struct, frozen=True):
    """An amount on an account, in 10^-18 USD."""

    account: Account
    amount: int


class Accrual(msgspec.Struct, frozen=True):
    """The earnings of an order: its postings, which sum to zero, and the inputs of their amounts.

    `price` is that of the source coin in 10^-18 USD, `base_fee_share_bps` the partner's share.
    """

    price: int
    base_fee_share_bps: int
    postings: tuple[Posting, ...]


def completion(order: Order, snapshot: RateSnapshot, *, base_fee_share_bps: int) -> Accrual:
    """Return the accrual of an order that completes at these prices.

    Raises Unavailable if the source coin has no price.
    """
    return accrual(order, snapshot.price(order.source.coin), base_fee_share_bps=base_fee_share_bps)


def accrual(order: Order, price: int, *, base_fee_share_bps: int) -> Accrual:
    """Return the accrual of an order at a source coin price of `price` (10^-18 USD).

    Fee and markup are their basis points of the deposit's value; the partner's base share is one of
    the fee. Each is rounded down; the remainder, below 3 x 10^-18 USD, is posted to
    ROUNDING. Postings of zero are omitted.
    """
    value = quantize_down(order.source_amount * price, power_of_ten(order.source.precision))
    split = order.margin.split(value)
    base_fee_share = quantize_down(split.service_fee * base_fee_share_bps, BPS)
    amounts = {
        Account.CUSTOMER_DEPOSITS: -value,
        Account.CUSTOMER_PAYOUTS: split.remainder,
        Account.SERVICE_FEE: split.service_fee - base_fee_share,
        Account.MARKUP: split.markup,
        Account.BASE_FEE_SHARE: base_fee_share,
        Account.ROUNDING: value - split.remainder - split.markup - split.service_fee,
    }
    postings = tuple(Posting(account, amount) for account, amount in amounts.items() if amount)
    return Accrual(price, base_fee_share_bps, postings)


def completion_if_priced(
    order: Order, snapshot: RateSnapshot | None, *, base_fee_share_bps: int
) -> Accrual | None:
    """Return the same as `completion`, or None while no price is known."""
    if snapshot is None:
        return None
    try:
        return completion(order, snapshot, base_fee_share_bps=base_fee_share_bps)
    except Unavailable:
        return None
