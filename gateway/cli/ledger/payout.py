"""`swapgate payout`: mark what partners are owed as paid, list payouts, show where to send them."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from domain.actions.ledger.mark_paid_out import payout_out
from domain.actions.operator.earnings import list_payouts, show_earnings, show_payout_details
from domain.actions.operator.earnings import mark_paid as mark
from domain.webhooks.events import PayoutOut
from domain.wire import wire_moment
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Limit, Reason, group, read, run
from gateway.cli.output import Row, show
from gateway.cli.partners.onboarding import Who
from gateway.instance import Role

if TYPE_CHECKING:
    from domain.actions.operator.earnings import ListedPayout
    from domain.ledger.payout_details import PayoutDetails

app = group("Payouts of partners' earnings, which the operator sends outside this service.")

Reference = Annotated[
    str,
    typer.Option(help="Reference of the payment, such as its number at the bank; pays only once."),
]
Amount = Annotated[
    str | None, typer.Option(metavar="USD", help="What was paid; by default all that is owed.")
]


class SentTo(msgspec.Struct, frozen=True, rename="camel"):
    """Where a partner wants its earnings sent, from when on, and who requested it."""

    asset: str
    address: str
    tag: str | None
    in_force_from: str
    asked_by: str


class ListedPayoutOut(PayoutOut, frozen=True, kw_only=True, rename="camel"):
    """A payout, with the details in force at its time; None without any."""

    sent_to: SentTo | None


class MarkedPayoutOut(ListedPayoutOut, frozen=True, kw_only=True, rename="camel"):
    """A payout; `repeated` if its reference was used before and nothing was paid now."""

    repeated: bool


class DetailsOut(msgspec.Struct, frozen=True, rename="camel"):
    """Where to send earnings now, and what replaces it later unless that is withdrawn."""

    current: SentTo | None
    pending: SentTo | None


@app.command("mark-paid")
def mark_paid(
    who: Who,
    *,
    reference: Reference,
    amount: Amount = None,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Mark what a partner is owed as paid and notify the partner; once per reference."""
    marked = run(
        Role.ADMIN,
        data_dir,
        lambda ports: mark(ports.earnings(), who, reference, amount_usd=amount),
        reason=reason,
        state=lambda ports: show_earnings(ports.earnings(), who),
    )
    payout = _payout_out(marked)
    document = MarkedPayoutOut(**msgspec.structs.asdict(payout), repeated=marked.repeated)
    result = "already marked as paid; nothing was paid again" if marked.repeated else "paid"
    show(document, as_json=as_json, table={"result": result, **_row(payout)})


@app.command("list")
def list_newest(
    who: Who, *, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List a partner's payouts, newest first."""
    found = read(
        Role.ADMIN, data_dir, lambda ports: list_payouts(ports.earnings(), who, limit=limit)
    )
    payouts = [_payout_out(one) for one in found]
    narrow = ("paidOutAt", "amountUsd", "reference")
    show(payouts, as_json=as_json, table=[_row(one) for one in payouts], narrow=narrow)


@app.command("details")
def show_details(who: Who, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show where a partner wants its earnings sent: check this before you send them."""
    plan = read(Role.ADMIN, data_dir, lambda ports: show_payout_details(ports.earnings(), who))
    document = DetailsOut(_sent_to(plan.current), _sent_to(plan.pending))
    table = {"current": _in_words(document.current), "pending": _in_words(document.pending)}
    show(document, as_json=as_json, table=table)


def _payout_out(listed: "ListedPayout") -> ListedPayoutOut:
    payout = msgspec.structs.asdict(payout_out(listed.payout))
    return ListedPayoutOut(**payout, sent_to=_sent_to(listed.sent_to))


def _row(payout: ListedPayoutOut) -> Row:
    row: Row = msgspec.to_builtins(payout)
    return row | {"sentTo": _in_words(payout.sent_to)}


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
        return "not specified"
    tag = f", {sent_to.tag}" if sent_to.tag else ""
    return f"{sent_to.asset} to {sent_to.address}{tag} (from {sent_to.in_force_from})"
