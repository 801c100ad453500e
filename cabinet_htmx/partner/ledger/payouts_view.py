"""The payouts page: the balance, and the periods with their payouts."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from cabinet_htmx.partner.ledger.payout_details_view import DetailsShown, details_shown
from cabinet_htmx.partner.ledger.statement_view import PATH, period_path, period_status
from domain.assets import Catalogue
from domain.ledger.earnings import Earnings
from domain.ledger.payout_details import PayoutPlan
from domain.ledger.payouts import EndedBy, Payout
from domain.ledger.periods import EarningsPeriod
from domain.money import format_usd


class PeriodRow(msgspec.Struct, frozen=True, kw_only=True):
    """A period in the list."""

    start: datetime
    end: datetime | None
    status: str
    tone: str
    earned: str
    amount: str | None
    reference: str | None
    path: str


class PayoutsView(msgspec.Struct, frozen=True, kw_only=True):
    """Context of the template."""

    balance: str
    earned_this_period: str
    paid_this_period: str
    period_start: datetime
    total_earned: str
    total_paid: str
    total_cleared: str | None
    rows: Sequence[PeriodRow]
    older: str | None
    newest: str | None
    current: DetailsShown | None
    pending: DetailsShown | None


def payouts_view(
    earnings: Earnings,
    periods: Sequence[EarningsPeriod],
    plan: PayoutPlan,
    catalogue: Catalogue,
    *,
    limit: int,
    before: int | None,
) -> PayoutsView:
    """Return the view of an account and `limit` of its periods; one more means a further page."""
    shown = periods[:limit]
    last = shown[-1].end if shown else None
    older = f"{PATH}?before={last.number}" if last is not None and len(periods) > limit else None
    return PayoutsView(
        balance=format_usd(earnings.balance),
        earned_this_period=format_usd(earnings.accrued),
        paid_this_period=format_usd(earnings.paid_in_cycle),
        period_start=earnings.cycle_start,
        total_earned=format_usd(earnings.markup + earnings.base_fee_share),
        total_paid=format_usd(earnings.paid),
        total_cleared=format_usd(earnings.reset) if earnings.reset else None,
        rows=[_row(period) for period in shown],
        older=older,
        newest=None if before is None else PATH,
        current=details_shown(plan.current, catalogue),
        pending=details_shown(plan.pending, catalogue),
    )


def _row(period: EarningsPeriod) -> PeriodRow:
    end = period.end
    return PeriodRow(
        start=period.start,
        end=end.period_end if end else None,
        status=period_status(period),
        tone="" if end is None else "good" if end.ended_by is EndedBy.PAYOUT else "warn",
        earned=format_usd(period.markup + period.base_fee_share),
        amount=format_usd(end.amount) if end else None,
        reference=end.reference if isinstance(end, Payout) else None,
        path=period_path(period),
    )
