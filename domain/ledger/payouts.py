"""Payouts and earnings resets: the two ways in which a partner's earnings period ends.

All amounts are in 10^-18 USD. Payouts and resets are whole cents: a fraction of a cent stays owed
and is carried over into the next period, so that all displayed amounts add up to the cent.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

import msgspec

from domain.errors import InvalidCommand
from domain.ledger.earnings import CodeEarnings, Earnings
from domain.money import format_usd
from domain.text import checked_text

MAX_REFERENCE_LENGTH = 200

_MIN_PERIOD = timedelta(milliseconds=1)
"""Webhook times have millisecond resolution, and receivers identify payouts by their time."""


class EndedBy(StrEnum):
    """How an earnings period ended; the value is stored."""

    PAYOUT = "payout"
    RESET = "reset"


class PeriodEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a partner's earnings period `number` (counted from 1).

    `amount` is subtracted from what the partner is owed. The partner's lifetime totals at that
    moment are stored with it, also per code, so that the earnings of each period are a difference
    of two totals.
    """

    ended_by: ClassVar[EndedBy]

    id: UUID
    partner_id: UUID
    number: int
    amount: int
    period_start: datetime
    period_end: datetime
    total_markup: int
    total_base_fee_share: int
    total_codes: Sequence[CodeEarnings]


class Payout(PeriodEnd, frozen=True, kw_only=True):
    """The operator has paid `amount` to the partner; `reference` identifies the payment."""

    ended_by: ClassVar[EndedBy] = EndedBy.PAYOUT

    reference: str


class EarningsReset(PeriodEnd, frozen=True, kw_only=True):
    """A new accounting cycle starts at zero: `amount` is no longer owed, and was not paid."""

    ended_by: ClassVar[EndedBy] = EndedBy.RESET


def payout(
    earnings: Earnings,
    *,
    payout_id: UUID,
    partner_id: UUID,
    reference: str,
    amount: int | None,
    now: datetime,
) -> Payout:
    """Return the payout of `amount`, or of the whole balance if None.

    Raises InvalidCommand if the balance is zero or less than `amount`.
    """
    if earnings.balance == 0:
        raise InvalidCommand("nothing is owed: there is nothing to pay out")
    if amount is not None and amount > earnings.balance:
        raise InvalidCommand(
            f"{format_usd(amount)} USD is more than the {format_usd(earnings.balance)} USD owed"
        )
    return Payout(
        id=payout_id,
        partner_id=partner_id,
        number=earnings.ended_periods + 1,
        amount=earnings.balance if amount is None else amount,
        reference=reference,
        period_start=earnings.period_start,
        period_end=_period_end(earnings, now),
        total_markup=earnings.markup,
        total_base_fee_share=earnings.base_fee_share,
        total_codes=earnings.codes,
    )


def earnings_reset(
    earnings: Earnings, *, reset_id: UUID, partner_id: UUID, now: datetime
) -> EarningsReset:
    """Return the reset of the balance to zero.

    Raises InvalidCommand for a cycle without earnings and payouts: it is at zero already.
    """
    if earnings.accrued == 0:
        raise InvalidCommand("nothing to clear: this accounting cycle has earned nothing yet")
    return EarningsReset(
        id=reset_id,
        partner_id=partner_id,
        number=earnings.ended_periods + 1,
        amount=earnings.balance,
        period_start=earnings.period_start,
        period_end=_period_end(earnings, now),
        total_markup=earnings.markup,
        total_base_fee_share=earnings.base_fee_share,
        total_codes=earnings.codes,
    )


def checked_reference(text: str) -> str:
    """Return a payout's reference, trimmed: 1 to 200 visible characters; else InvalidCommand."""
    return checked_text(text, what="a reference", limit=MAX_REFERENCE_LENGTH)


def _period_end(earnings: Earnings, now: datetime) -> datetime:
    """Return `now` in whole milliseconds, but later than the period's start."""
    milliseconds = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return max(milliseconds, earnings.period_start + _MIN_PERIOD)
