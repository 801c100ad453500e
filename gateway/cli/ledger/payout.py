"""`swapgate payout`: mark what partners are owed as paid, list what was, see where to send it."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from domain.actions.ledger.mark_paid_out import mark_paid_out, payout_out
from domain.ledger.payout_details import plan
from domain.market.limits import parse_usd
from domain.webhooks.events import PayoutOut, wire_moment
from gateway.cli.command import DATA_DIR, AsJson, DataDir, group, run
from gateway.cli.output import show
from gateway.cli.partners.onboarding import Who
from gateway.settings import Role

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from domain.ledger.payout_details import PayoutDetails
    from domain.ledger.payouts import Closing
    from gateway.wiring.operator import OperatorPorts

MAX_LISTED = 1_000

app = group("Payouts of partners' earnings, which the operator makes by itself.")

Reference = Annotated[
    str, typer.Option(help="What names the payment, such as its number at the bank. It pays once.")
]
Amount = Annotated[
    str | None, typer.Option(metavar="USD", help="What was paid, if not all that is owed.")
]
Limit = Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="At most so many.")]


class SentTo(msgspec.Struct, frozen=True, rename="camel"):
    """Where a partner wants its earnings sent, and since when that holds."""

    asset: str
    address: str
    tag: str | None
    in_force_from: str
    asked_by: str


class ListedPayoutOut(PayoutOut, frozen=True, kw_only=True, rename="camel"):
    """A payout, with the details that were in force then; None without any."""

    sent_to: SentTo | None


class MarkedPayoutOut(ListedPayoutOut, frozen=True, kw_only=True, rename="camel"):
    """A payout; `repeated` if its reference had paid before, and nothing was paid now."""

    repeated: bool


class DetailsOut(msgspec.Struct, frozen=True, rename="camel"):
    """Where to send earnings now, and what takes its place later, unless that is withdrawn."""

    current: SentTo | None
    pending: SentTo | None


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
    document = run(Role.ADMIN, data_dir, lambda operator: _mark(operator, who, reference, amount))
    people = msgspec.to_builtins(document) | {"sentTo": _in_words(document.sent_to)}
    del people["repeated"]
    said = "was marked as paid before: nothing was paid twice" if document.repeated else "paid"
    show(document, as_json=as_json, table={"said": said, **people})


@app.command("list")
def list_newest(
    who: Who, *, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List a partner's payouts, newest first."""
    found = run(Role.ADMIN, data_dir, lambda operator: _newest(operator, who, limit))
    people = [msgspec.to_builtins(one) | {"sentTo": _in_words(one.sent_to)} for one in found]
    show(found, as_json=as_json, table=people)


@app.command("details")
def show_details(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show where a partner wants its earnings sent: look here before you send them."""
    found = run(Role.ADMIN, data_dir, lambda operator: _details(operator, who))
    people = {"current": _in_words(found.current), "pending": _in_words(found.pending)}
    show(found, as_json=as_json, table=people)


async def _mark(
    operator: "OperatorPorts", who: str, reference: str, amount: str | None
) -> MarkedPayoutOut:
    from persistence.postgres.partners.partners import find_partner

    partner = await find_partner(operator.database, who)
    usd = None if amount is None else parse_usd(amount)
    marked = await mark_paid_out(operator.bookkeeping(), partner.id, reference, amount=usd)
    history = await _history(operator, partner.id)
    listed = _listed(marked.payout, history)
    return MarkedPayoutOut(**msgspec.structs.asdict(listed), repeated=marked.repeated)


async def _newest(operator: "OperatorPorts", who: str, limit: int) -> list[ListedPayoutOut]:
    from persistence.postgres.ledger.accounts import PostgresEarningsRepository
    from persistence.postgres.partners.partners import find_partner

    partner = await find_partner(operator.database, who)
    payouts = await PostgresEarningsRepository(operator.database).payouts(partner.id, limit=limit)
    history = await _history(operator, partner.id)
    return [_listed(one, history) for one in payouts]


async def _details(operator: "OperatorPorts", who: str) -> DetailsOut:
    from persistence.postgres.partners.partners import find_partner

    partner = await find_partner(operator.database, who)
    now = plan(await _history(operator, partner.id), operator.bookkeeping().clock.now())
    return DetailsOut(_sent_to(now.current), _sent_to(now.pending))


async def _history(operator: "OperatorPorts", partner_id: "UUID") -> "Sequence[PayoutDetails]":
    from persistence.postgres.ledger.payout_details import PostgresPayoutDetailsRepository

    return await PostgresPayoutDetailsRepository(operator.database).history(partner_id)


def _listed(payout: "Closing", history: "Sequence[PayoutDetails]") -> ListedPayoutOut:
    then = plan(history, payout.closed_at).current
    return ListedPayoutOut(**msgspec.structs.asdict(payout_out(payout)), sent_to=_sent_to(then))


def _sent_to(details: "PayoutDetails | None") -> SentTo | None:
    if details is None:
        return None
    return SentTo(
        details.asset,
        details.address,
        details.tag,
        wire_moment(details.effective_at),
        details.requested_by,
    )


def _in_words(sent_to: SentTo | None) -> str:
    if sent_to is None:
        return "not said"
    tag = f", {sent_to.tag}" if sent_to.tag else ""
    return f"{sent_to.asset} to {sent_to.address}{tag} (from {sent_to.in_force_from})"
