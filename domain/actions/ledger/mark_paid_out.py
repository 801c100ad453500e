"""Mark what a partner is owed as paid: the operator has sent it, with a reference of its own."""

from uuid import UUID

import msgspec

from domain.actions.ledger.close_earnings import close_earnings
from domain.actions.ledger.ports import LedgerPorts
from domain.errors import InvalidRequest
from domain.ledger.payouts import Closing, Earnings, checked_reference, payout
from domain.money import format_usd
from domain.webhooks.events import Event, PayoutOut, partner_paid_out
from domain.wire import wire_moment


class MarkedPayout(msgspec.Struct, frozen=True):
    """A payout, and whether it had been marked before with the same reference."""

    payout: Closing
    repeated: bool


async def mark_paid_out(
    ports: LedgerPorts, partner_id: UUID, reference: str, *, amount: int | None = None
) -> MarkedPayout:
    """Take `amount` (10^-18 USD, whole cents), or all that is owed, off what the partner is owed.

    A reference pays once: with the same one again the payout of before is returned. Raises
    InvalidRequest where nothing is owed, or less, or where the reference has paid another amount;
    NotFound; Unavailable.
    """
    reference = checked_reference(reference)

    async def before() -> Closing | None:
        found = await ports.accounts.payout(partner_id, reference)
        if found is not None and amount not in (None, found.amount):
            raise InvalidRequest(
                f"reference {reference} has paid {format_usd(found.amount)} USD before, "
                f"not {format_usd(amount)}"
            )
        return found

    def decide(earnings: Earnings) -> Closing:
        return payout(
            earnings,
            closing_id=ports.new_id(),
            partner_id=partner_id,
            reference=reference,
            amount=amount,
            now=ports.clock.now(),
        )

    closing, repeated = await close_earnings(
        ports, partner_id, decide=decide, event=_paid_out, before=before
    )
    return MarkedPayout(closing, repeated)


def payout_out(closing: Closing) -> PayoutOut:
    """Return a payout as partners are told of it."""
    return PayoutOut(
        id=str(closing.id),
        period_start=wire_moment(closing.period_start),
        period_end=wire_moment(closing.closed_at),
        amount_usd=format_usd(closing.amount),
        reference=str(closing.reference),
        paid_out_at=wire_moment(closing.closed_at),
    )


def _paid_out(event_id: UUID, closing: Closing) -> Event:
    return partner_paid_out(event_id, closing.partner_id, payout_out(closing), at=closing.closed_at)
