"""`swapgate earnings`: what partners are owed, what their periods have earned, new cycles."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from domain.actions.ledger.clear_earnings import clear_earnings, earnings_out
from domain.ledger.payouts import Closing, Earnings, Period
from domain.money import format_usd
from domain.webhooks.events import wire_moment
from gateway.cli.command import DATA_DIR, AsJson, DataDir, group, run
from gateway.cli.output import show
from gateway.cli.partners.onboarding import Who
from gateway.settings import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.wiring.operator import OperatorPorts

MAX_LISTED = 1_000

app = group("What partners have earned, and are owed.")

Limit = Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="At most so many.")]


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
    """A period: how it ended, what it has earned, and what of it by which code.

    Every amount of earnings is rounded down to cents by itself; `markupUsd` is of all orders,
    with a code or without.
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
    account = run(Role.ADMIN, data_dir, lambda operator: _account(operator, who))
    document = AccountOut(
        accrued_usd=_usd(account.accrued),
        paid_usd=_usd(account.paid_in_cycle),
        balance_usd=_usd(account.balance),
    )
    of_all_time = {
        "since": wire_moment(account.cycle_start),
        "earnedOfAllTimeUsd": _usd(account.markup + account.base_fee_share),
        "paidOfAllTimeUsd": _usd(account.paid),
        "clearedOfAllTimeUsd": _usd(account.cleared),
    }
    people = {**msgspec.to_builtins(document), **of_all_time}
    show(document, as_json=as_json, table=people)


@app.command()
def clear(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Begin a new accounting cycle at zero, and tell the partner: what is owed is owed no more."""
    closing = run(Role.ADMIN, data_dir, lambda operator: _clear(operator, who))
    show(earnings_out(closing), as_json=as_json)


@app.command("list")
def list_newest(
    who: Who, *, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List what a partner's periods have earned, newest first: the one that goes on is first."""
    found = run(Role.ADMIN, data_dir, lambda operator: _periods(operator, who, limit))
    periods = [_period_out(one) for one in found]
    show(periods, as_json=as_json, table=[_one_line(one) for one in periods])


async def _account(operator: "OperatorPorts", who: str) -> Earnings:
    from persistence.postgres.partners.partners import find_partner

    partner = await find_partner(operator.database, who)
    return await operator.bookkeeping().accounts.earnings(partner.id)


async def _clear(operator: "OperatorPorts", who: str) -> Closing:
    from persistence.postgres.partners.partners import find_partner

    partner = await find_partner(operator.database, who)
    return await clear_earnings(operator.bookkeeping(), partner.id)


async def _periods(operator: "OperatorPorts", who: str, limit: int) -> "Sequence[Period]":
    from persistence.postgres.ledger.accounts import PostgresEarningsRepository
    from persistence.postgres.partners.partners import find_partner

    partner = await find_partner(operator.database, who)
    return await PostgresEarningsRepository(operator.database).periods(partner.id, limit=limit)


def _period_out(period: Period) -> PeriodOut:
    closing = period.closing
    return PeriodOut(
        ended_by=closing.kind.value if closing else None,
        period_start=wire_moment(period.start),
        period_end=wire_moment(closing.closed_at) if closing else None,
        earned_usd=_usd(period.markup + period.base_fee_share),
        markup_usd=_usd(period.markup),
        base_fee_share_usd=_usd(period.base_fee_share),
        amount_usd=_usd(closing.amount) if closing else None,
        reference=closing.reference if closing else None,
        codes=[CodeEarningsOut(one.code, _usd(one.markup)) for one in period.codes],
    )


def _one_line(period: PeriodOut) -> dict[str, object]:
    row = msgspec.to_builtins(period)
    row["codes"] = [f"{one.code} {one.markup_usd}" for one in period.codes]
    return dict(row)


def _usd(amount: int) -> str:
    return format_usd(amount)
