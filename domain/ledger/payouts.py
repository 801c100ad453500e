"""What a partner is owed, and the payouts and clearings that close its periods.

All amounts are in 10^-18 USD. Payouts and clearings are whole cents: what is below a cent stays
owed and goes on into the next period, so that all that is shown adds up to the cent.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.errors import InvalidRequest
from domain.money import CENT_DECIMALS, USD_DECIMALS, format_usd, power_of_ten, quantize_down

MAX_REFERENCE_LENGTH = 200

_CENT = power_of_ten(USD_DECIMALS - CENT_DECIMALS)
_MIN_STEP = timedelta(milliseconds=1)
"""Webhooks tell moments in milliseconds, and receivers tell payouts apart by them."""


class ClosingKind(StrEnum):
    """How a period ends: what was owed has been paid, or a new accounting cycle begins."""

    PAYOUT = "payout"
    CLEARING = "clearing"


class CodeEarnings(msgspec.Struct, frozen=True):
    """What a code has earned."""

    code_id: UUID
    code: str
    markup: int


class Earnings(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's account as it stands.

    Volume, markup (all of it, and of each code), base fee share, `paid` and `cleared` are of all
    time; `paid_in_cycle` is since the last clearing. `closings` is how many there have been, and
    `period_start` when the last one was, or the partner was created.
    """

    volume: int
    markup: int
    base_fee_share: int
    paid: int
    cleared: int
    paid_in_cycle: int
    closings: int
    period_start: datetime
    cycle_start: datetime
    codes: Sequence[CodeEarnings]

    @property
    def owed(self) -> int:
        """Return what the partner is still owed, exactly."""
        return self.markup + self.base_fee_share - self.paid - self.cleared

    @property
    def balance(self) -> int:
        """Return what can be paid of it: whole cents."""
        return whole_cents(self.owed)

    @property
    def accrued(self) -> int:
        """Return what this accounting cycle has earned so far: what was paid of it and the rest."""
        return self.balance + self.paid_in_cycle


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """A payout or a clearing of a partner, the `number`th; a payout has a reference.

    What the partner had earned in all by then is kept with it, also of each code, so that what a
    period has earned can always be told.
    """

    id: UUID
    partner_id: UUID
    number: int
    kind: ClosingKind
    amount: int
    reference: str | None
    period_start: datetime
    closed_at: datetime
    markup: int
    base_fee_share: int
    codes: Sequence[CodeEarnings]


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """What was earned between two closings, exactly, and how it ended; None while it goes on.

    `markup` is all of it: what the codes have earned, and what came without a code.
    """

    closing: Closing | None
    start: datetime
    markup: int
    base_fee_share: int
    codes: Sequence[CodeEarnings]


def payout(
    earnings: Earnings,
    *,
    closing_id: UUID,
    partner_id: UUID,
    reference: str,
    amount: int | None,
    now: datetime,
) -> Closing:
    """Return the payout of `amount`, or of all that is owed; raise InvalidRequest for too much."""
    if earnings.balance == 0:
        raise InvalidRequest("nothing is owed: there is nothing to pay out")
    if amount is not None and amount > earnings.balance:
        raise InvalidRequest(
            f"{format_usd(amount)} USD is more than the {format_usd(earnings.balance)} USD owed"
        )
    return _closing(
        earnings,
        ClosingKind.PAYOUT,
        closing_id=closing_id,
        partner_id=partner_id,
        amount=earnings.balance if amount is None else amount,
        reference=reference,
        now=now,
    )


def clearing(earnings: Earnings, *, closing_id: UUID, partner_id: UUID, now: datetime) -> Closing:
    """Return the clearing of what is owed: a new cycle begins at zero. Raises InvalidRequest.

    A cycle in which nothing was earned or paid is new already.
    """
    if earnings.accrued == 0:
        raise InvalidRequest("nothing to clear: this accounting cycle has earned nothing yet")
    return _closing(
        earnings,
        ClosingKind.CLEARING,
        closing_id=closing_id,
        partner_id=partner_id,
        amount=earnings.balance,
        reference=None,
        now=now,
    )


def closed_period(closing: Closing, before: Closing | None) -> Period:
    """Return what the period that `closing` ends has earned; `before` ended the one before it."""
    return _period(
        closing, before, closing=closing, start=closing.period_start, codes=closing.codes
    )


def open_period(earnings: Earnings, before: Closing | None) -> Period:
    """Return what was earned since `before`, the last closing if there is one."""
    return _period(
        earnings, before, closing=None, start=earnings.period_start, codes=earnings.codes
    )


def checked_reference(text: str) -> str:
    """Return a payout's reference, trimmed: 1 to 200 printable characters; else InvalidRequest."""
    reference = text.strip()
    if not 1 <= len(reference) <= MAX_REFERENCE_LENGTH or not reference.isprintable():
        raise InvalidRequest(f"a reference has 1 to {MAX_REFERENCE_LENGTH} printable characters")
    return reference


def whole_cents(amount: int) -> int:
    """Return an amount rounded down to cents."""
    return quantize_down(amount, _CENT) * _CENT


def _period(
    end: Earnings | Closing,
    before: Closing | None,
    *,
    closing: Closing | None,
    start: datetime,
    codes: Sequence[CodeEarnings],
) -> Period:
    earlier = {one.code_id: one.markup for one in before.codes} if before else {}
    return Period(
        closing=closing,
        start=start,
        markup=end.markup - (before.markup if before else 0),
        base_fee_share=end.base_fee_share - (before.base_fee_share if before else 0),
        codes=[
            CodeEarnings(one.code_id, one.code, one.markup - earlier.get(one.code_id, 0))
            for one in codes
        ],
    )


def _closing(
    earnings: Earnings,
    kind: ClosingKind,
    *,
    closing_id: UUID,
    partner_id: UUID,
    amount: int,
    reference: str | None,
    now: datetime,
) -> Closing:
    whole = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return Closing(
        id=closing_id,
        partner_id=partner_id,
        number=earnings.closings + 1,
        kind=kind,
        amount=amount,
        reference=reference,
        period_start=earnings.period_start,
        closed_at=max(whole, earnings.period_start + _MIN_STEP),
        markup=earnings.markup,
        base_fee_share=earnings.base_fee_share,
        codes=earnings.codes,
    )
