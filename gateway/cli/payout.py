"""`swapgate payout`: mark what partners are owed as paid, and list what was."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from domain.actions.mark_paid_out import MarkedPayout, mark_paid_out, payout_out
from domain.limits import parse_usd
from domain.webhooks import PayoutOut
from gateway.cli.frame import DATA_DIR, AsJson, DataDir, nouns, run, show
from gateway.cli.onboarding import Who
from gateway.settings import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.closings import Closing
    from gateway.cli.desk import Desk

MOST_LISTED = 1_000

app = nouns("Payouts of partners' earnings, which the operator makes by itself.")

Reference = Annotated[
    str, typer.Option(help="What names the payment, such as its number at the bank. It pays once.")
]
Amount = Annotated[
    str | None, typer.Option(metavar="USD", help="What was paid, if not all that is owed.")
]
Limit = Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="At most so many.")]


class MarkedPayoutOut(PayoutOut, frozen=True, kw_only=True, rename="camel"):
    """A payout; `repeated` if its reference had paid before, and nothing was paid now."""

    repeated: bool


@app.command("mark-paid")
def mark_paid(
    who: Who,
    *,
    reference: Reference,
    amount: Amount = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Mark all that a partner is owed as paid, and tell it; once for each reference."""
    marked = run(Role.ADMIN, data_dir, lambda desk: _mark(desk, who, reference, amount))
    document = MarkedPayoutOut(
        **msgspec.structs.asdict(payout_out(marked.payout)), repeated=marked.repeated
    )
    people = {
        "said": "was marked as paid before: nothing was paid twice" if marked.repeated else "paid",
        **msgspec.to_builtins(payout_out(marked.payout)),
    }
    show(document, as_json=as_json, people=people)


@app.command("list")
def list_newest(
    who: Who, *, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List a partner's payouts, newest first."""
    found = run(Role.ADMIN, data_dir, lambda desk: _newest(desk, who, limit))
    show([payout_out(one) for one in found], as_json=as_json)


async def _mark(desk: "Desk", who: str, reference: str, amount: str | None) -> MarkedPayout:
    from persistence.postgres.partners import find_partner

    partner = await find_partner(desk.database, who)
    usd = None if amount is None else parse_usd(amount)
    return await mark_paid_out(desk.bookkeeping(), partner.id, reference, amount=usd)


async def _newest(desk: "Desk", who: str, limit: int) -> "Sequence[Closing]":
    from persistence.postgres.accounts import PostgresAccounts
    from persistence.postgres.partners import find_partner

    partner = await find_partner(desk.database, who)
    return await PostgresAccounts(desk.database).payouts(partner.id, limit=limit)
