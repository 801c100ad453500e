"""What the pages of payouts show: periods and what they have earned, statements, details."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cabinet_htmx.shared.options import Option, asset_options
from cabinet_htmx.shared.times import machine
from domain.assets import Asset, Catalogue
from domain.cabinet.members import Member, Role
from domain.ledger.payout_details import PayoutDetails, PayoutPlan
from domain.ledger.payouts import ClosingKind, Earnings, Period, whole_cents
from domain.money import format_usd

PATH: Final = "/partner/payout-history"
DETAILS: Final = f"{PATH}/details"
OPEN: Final = "open"
"""What the period that still goes on is called in addresses."""


class PeriodRow(msgspec.Struct, frozen=True, kw_only=True):
    """A period of the list."""

    start: datetime
    end: datetime | None
    ended_by: str
    tone: str
    earned: str
    amount: str | None
    reference: str | None
    path: str


class Line(msgspec.Struct, frozen=True):
    """A line of a statement."""

    text: str
    amount: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a period has earned, in whole cents that add up, and how it ended."""

    partner: str
    start: datetime
    end: datetime | None
    number: int | None
    lines: Sequence[Line]
    earned: str
    ended_by: str
    amount: str | None
    reference: str | None
    csv: str


class PayoutsView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the list's template needs."""

    balance: str
    accrued: str
    paid_in_cycle: str
    cycle_start: datetime
    earned_of_all_time: str
    paid_of_all_time: str
    cleared_of_all_time: str | None
    rows: Sequence[PeriodRow]
    older: str | None
    later: str | None
    current: "ShownDetails | None"
    pending: "ShownDetails | None"


class ShownDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Payout details in words."""

    id: str
    coin: str
    network: str
    address: str
    tag: str | None
    tag_name: str
    asked_by: str
    asked_at: datetime
    effective_at: datetime
    cancelled_by: str | None
    cancelled_at: datetime | None


class DetailsForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form as it was filled in."""

    asset: str = ""
    address: str = ""
    tag: str = ""


class DetailsView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the details' template needs. `may_change` is for owners."""

    current: ShownDetails | None
    pending: ShownDetails | None
    withdrawn: Sequence[ShownDetails]
    options: Sequence[Option]
    form: DetailsForm
    faults: Mapping[str, str]
    may_change: bool


def payouts_view(
    earnings: Earnings,
    periods: Sequence[Period],
    plan: PayoutPlan,
    catalogue: Catalogue,
    *,
    limit: int,
    before: int | None,
) -> PayoutsView:
    """Return the view of an account and `limit` of its periods; one more says there are more."""
    shown = periods[:limit]
    last = shown[-1].closing if shown else None
    older = f"{PATH}?before={last.number}" if last is not None and len(periods) > limit else None
    return PayoutsView(
        balance=format_usd(earnings.balance),
        accrued=format_usd(earnings.accrued),
        paid_in_cycle=format_usd(earnings.paid_in_cycle),
        cycle_start=earnings.cycle_start,
        earned_of_all_time=format_usd(earnings.markup + earnings.base_fee_share),
        paid_of_all_time=format_usd(earnings.paid),
        cleared_of_all_time=format_usd(earnings.cleared) if earnings.cleared else None,
        rows=[_row(period) for period in shown],
        older=older,
        later=None if before is None else PATH,
        current=_shown_or_none(plan.current, catalogue),
        pending=_shown_or_none(plan.pending, catalogue),
    )


def statement(period: Period, partner: str) -> Statement:
    """Return the statement of a period.

    Each line is rounded down to cents, and so is their sum: what that takes from the lines stands
    in one of its own, so that they add up.
    """
    closing = period.closing
    by_codes = sum(one.markup for one in period.codes)
    amounts = [(f"Markup of code {one.code}", one.markup) for one in period.codes if one.markup]
    amounts.append(("Markup without a code", period.markup - by_codes))
    amounts.append(("Share of the service fee", period.base_fee_share))
    earned = whole_cents(period.markup + period.base_fee_share)
    rest = earned - sum(whole_cents(amount) for _, amount in amounts)
    if rest:
        amounts.append(("Fractions of cents of the lines above", rest))
    name = OPEN if closing is None else str(closing.number)
    return Statement(
        partner=partner,
        start=period.start,
        end=closing.closed_at if closing else None,
        number=closing.number if closing else None,
        lines=[Line(text, format_usd(amount)) for text, amount in amounts],
        earned=format_usd(earned),
        ended_by=_ended_by(period),
        amount=format_usd(closing.amount) if closing else None,
        reference=closing.reference if closing else None,
        csv=f"{PATH}/{name}/statement.csv",
    )


def statement_lines(shown: Statement) -> list[tuple[object, ...]]:
    """Return a statement as lines of CSV; times are UTC."""
    end = machine(shown.end) if shown.end else None
    period = (machine(shown.start), end)
    lines: list[tuple[object, ...]] = [
        ("period_start", "period_end", "what", "amount_usd", "reference")
    ]
    lines += [(*period, line.text, line.amount, None) for line in shown.lines]
    lines.append((*period, "Earned in all", shown.earned, None))
    if shown.amount is not None:
        lines.append((*period, shown.ended_by, shown.amount, shown.reference))
    return lines


def details_view(
    history: Sequence[PayoutDetails],
    plan: PayoutPlan,
    catalogue: Catalogue,
    member: Member,
    *,
    form: DetailsForm | None = None,
    faults: Mapping[str, str] | None = None,
) -> DetailsView:
    """Return the view of a partner's payout details."""
    form = form or DetailsForm()
    withdrawn = [one for one in history if one.cancelled_at is not None]
    return DetailsView(
        current=_shown_or_none(plan.current, catalogue),
        pending=_shown_or_none(plan.pending, catalogue),
        withdrawn=[_shown(one, catalogue) for one in withdrawn[:5]],
        options=asset_options(
            (asset for asset in catalogue.assets.values() if asset.enabled), form.asset
        ),
        form=form,
        faults=faults or {},
        may_change=member.role is Role.OWNER,
    )


def _row(period: Period) -> PeriodRow:
    closing = period.closing
    name = OPEN if closing is None else str(closing.number)
    return PeriodRow(
        start=period.start,
        end=closing.closed_at if closing else None,
        ended_by=_ended_by(period),
        tone="" if closing is None else "good" if closing.kind is ClosingKind.PAYOUT else "warn",
        earned=format_usd(period.markup + period.base_fee_share),
        amount=format_usd(closing.amount) if closing else None,
        reference=closing.reference if closing else None,
        path=f"{PATH}/{name}",
    )


def _ended_by(period: Period) -> str:
    if period.closing is None:
        return "goes on"
    return "paid out" if period.closing.kind is ClosingKind.PAYOUT else "cleared"


def _shown_or_none(details: PayoutDetails | None, catalogue: Catalogue) -> ShownDetails | None:
    return None if details is None else _shown(details, catalogue)


def _shown(details: PayoutDetails, catalogue: Catalogue) -> ShownDetails:
    asset: Asset = catalogue.assets[details.asset]
    return ShownDetails(
        id=str(details.id),
        coin=asset.coin,
        network=asset.network,
        address=details.address,
        tag=details.tag,
        tag_name=asset.tag_name or "Memo",
        asked_by=details.asked_by,
        asked_at=details.asked_at,
        effective_at=details.effective_at,
        cancelled_by=details.cancelled_by,
        cancelled_at=details.cancelled_at,
    )
