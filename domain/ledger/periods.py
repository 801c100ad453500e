"""What a partner earned between two payouts or earnings resets."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from domain.ledger.earnings import CodeEarnings, Earnings
from domain.ledger.payouts import EarningsReset, Payout


class EarningsPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """The exact earnings of a period, in 10^-18 USD; `end` is None for the current period.

    `markup` is the sum of all orders, with and without a code.
    """

    start: datetime
    end: Payout | EarningsReset | None
    markup: int
    base_fee_share: int
    codes: Sequence[CodeEarnings]


def ended_period(
    end: Payout | EarningsReset, previous: Payout | EarningsReset | None
) -> EarningsPeriod:
    """Return the period that `end` ended; `previous` is the end of the period before it."""
    return EarningsPeriod(
        start=end.period_start,
        end=end,
        markup=end.total_markup - (previous.total_markup if previous else 0),
        base_fee_share=end.total_base_fee_share
        - (previous.total_base_fee_share if previous else 0),
        codes=_codes_since(previous, end.total_codes),
    )


def current_period(earnings: Earnings, previous: Payout | EarningsReset | None) -> EarningsPeriod:
    """Return the period since `previous`, the last payout or reset, if there was one."""
    return EarningsPeriod(
        start=earnings.period_start,
        end=None,
        markup=earnings.markup - (previous.total_markup if previous else 0),
        base_fee_share=earnings.base_fee_share - (previous.total_base_fee_share if previous else 0),
        codes=_codes_since(previous, earnings.codes),
    )


def _codes_since(
    previous: Payout | EarningsReset | None, totals: Sequence[CodeEarnings]
) -> list[CodeEarnings]:
    earlier = {one.code_id: one.markup for one in previous.total_codes} if previous else {}
    return [
        CodeEarnings(one.code_id, one.code, one.markup - earlier.get(one.code_id, 0))
        for one in totals
    ]
