"""`swapgate earnings`: what partners have earned and are owed, and new accounting cycles."""

import msgspec

from domain.actions.ledger.reset_earnings import earnings_out
from domain.actions.operator.earnings import list_periods, reset_earnings, show_earnings
from domain.ledger.payouts import EndedBy, Payout
from domain.ledger.periods import EarningsPeriod
from domain.money import format_usd
from domain.wire import wire_moment
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Limit, Reason, group, read, run
from gateway.cli.output import Row, show
from gateway.cli.partners.onboarding import Who
from gateway.instance import Role

ENDED_BY = {EndedBy.PAYOUT: "payout", EndedBy.RESET: "clearing"}
"""Values of `endedBy` in JSON."""

app = group("What partners have earned, and what they are owed.")


class AccountOut(msgspec.Struct, rename="camel"):
    """What was accrued and paid since the last clearing, and what is owed; whole cents."""

    accrued_usd: str
    paid_usd: str
    balance_usd: str


class CodeEarningsOut(msgspec.Struct, rename="camel"):
    """What a code has earned in a period."""

    code: str
    markup_usd: str


class PeriodOut(msgspec.Struct, rename="camel"):
    """A period: how it ended, what it has earned, and which part of it by which code.

    Every amount of earnings is rounded down to cents by itself; `markupUsd` includes orders without
    a code.
    """

    ended_by: str | None
    period_start: str
    period_end: str | None
    earned_usd: str
    markup_usd: str
    base_fee_share_usd: str
    amount_usd: str | None
    reference: str | None
    codes: list[CodeEarningsOut]


@app.command("show")
def show_one(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show what a partner has accrued and been paid since the last clearing, and is owed."""
    account = read(Role.ADMIN, data_dir, lambda ports: show_earnings(ports.earnings(), who))
    document = AccountOut(
        accrued_usd=format_usd(account.accrued),
        paid_usd=format_usd(account.paid_in_cycle),
        balance_usd=format_usd(account.balance),
    )
    of_all_time = {
        "since": wire_moment(account.cycle_start),
        "earnedOfAllTimeUsd": format_usd(account.markup + account.base_fee_share),
        "paidOfAllTimeUsd": format_usd(account.paid),
        "clearedOfAllTimeUsd": format_usd(account.reset),
    }
    table = {**msgspec.to_builtins(document), **of_all_time}
    show(document, as_json=as_json, table=table)


@app.command()
def clear(
    who: Who, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Start a new accounting cycle at zero and notify the partner: the balance is written off."""
    cleared = run(
        Role.ADMIN,
        data_dir,
        lambda ports: reset_earnings(ports.earnings(), who),
        reason=reason,
        state=lambda ports: show_earnings(ports.earnings(), who),
    )
    show(earnings_out(cleared), as_json=as_json)


@app.command("list")
def list_newest(
    who: Who, *, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List what a partner has earned by period, newest first, starting with the current one."""
    found = read(
        Role.ADMIN, data_dir, lambda ports: list_periods(ports.earnings(), who, limit=limit)
    )
    periods = [_period_out(one) for one in found]
    narrow = ("periodStart", "endedBy", "earnedUsd", "amountUsd")
    show(periods, as_json=as_json, table=[_row(one) for one in periods], narrow=narrow)


def _period_out(period: EarningsPeriod) -> PeriodOut:
    end = period.end
    return PeriodOut(
        ended_by=ENDED_BY[end.ended_by] if end else None,
        period_start=wire_moment(period.start),
        period_end=wire_moment(end.period_end) if end else None,
        earned_usd=format_usd(period.markup + period.base_fee_share),
        markup_usd=format_usd(period.markup),
        base_fee_share_usd=format_usd(period.base_fee_share),
        amount_usd=format_usd(end.amount) if end else None,
        reference=end.reference if isinstance(end, Payout) else None,
        codes=[CodeEarningsOut(one.code, format_usd(one.markup)) for one in period.codes],
    )


def _row(period: PeriodOut) -> Row:
    row: Row = msgspec.to_builtins(period)
    row["codes"] = [f"{one.code} {one.markup_usd}" for one in period.codes]
    return row
