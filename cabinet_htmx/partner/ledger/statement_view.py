"""The statement of an earnings period, as a page and as CSV."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from cabinet_htmx.shared.times import machine
from domain.ledger.payouts import EndedBy, Payout
from domain.ledger.periods import EarningsPeriod
from domain.money import format_usd, whole_cents

PATH: Final = "/partner/payout-history"
CURRENT: Final = "open"
"""The current period in URLs."""


class Line(msgspec.Struct, frozen=True):
    """A line of a statement."""

    text: str
    amount: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The earnings of a period in whole cents that add up, and how the period ended."""

    partner: str
    start: datetime
    end: datetime | None
    number: int | None
    lines: Sequence[Line]
    earned: str
    status: str
    amount: str | None
    reference: str | None
    csv: str


def statement(period: EarningsPeriod, partner: str) -> Statement:
    """Return the statement of a period.

    Each line and the total are rounded down to cents; the difference is a line of its own, so that
    the lines add up.
    """
    end = period.end
    with_codes = sum(one.markup for one in period.codes)
    amounts = [(f"Markup of code {one.code}", one.markup) for one in period.codes if one.markup]
    amounts.append(("Markup without a code", period.markup - with_codes))
    amounts.append(("Share of the service fee", period.base_fee_share))
    earned = whole_cents(period.markup + period.base_fee_share)
    rounding = earned - sum(whole_cents(amount) for _, amount in amounts)
    if rounding:
        amounts.append(("Rounding of the lines above", rounding))
    return Statement(
        partner=partner,
        start=period.start,
        end=end.period_end if end else None,
        number=end.number if end else None,
        lines=[Line(text, format_usd(amount)) for text, amount in amounts],
        earned=format_usd(earned),
        status=period_status(period),
        amount=format_usd(end.amount) if end else None,
        reference=end.reference if isinstance(end, Payout) else None,
        csv=f"{period_path(period)}/statement.csv",
    )


def statement_lines(shown: Statement) -> list[tuple[object, ...]]:
    """Return a statement as lines of CSV; times are UTC."""
    end = machine(shown.end) if shown.end else None
    period = (machine(shown.start), end)
    lines: list[tuple[object, ...]] = [
        ("period_start", "period_end", "what", "amount_usd", "reference")
    ]
    lines += [(*period, line.text, line.amount, None) for line in shown.lines]
    lines.append((*period, "Total earnings", shown.earned, None))
    if shown.amount is not None:
        lines.append((*period, shown.status.lower(), shown.amount, shown.reference))
    return lines


def period_path(period: EarningsPeriod) -> str:
    """Return the path of a period's statement."""
    name = CURRENT if period.end is None else str(period.end.number)
    return f"{PATH}/{name}"


def period_status(period: EarningsPeriod) -> str:
    """Return how a period ended, in words."""
    if period.end is None:
        return "Current"
    return "Paid out" if period.end.ended_by is EndedBy.PAYOUT else "Cleared"
