"""Record a payout that the operator has sent to a partner, under the operator's reference."""

from uuid import UUID

import msgspec

from domain.actions.ledger.end_period import end_period
from domain.actions.ledger.ports import LedgerPorts
from domain.errors import InvalidCommand
from domain.ledger.earnings import Earnings
from domain.ledger.payouts import Payout, checked_reference, payout
from domain.money import format_usd
from domain.webhooks.events import Event, PayoutOut, partner_paid_out
from domain.wire import wire_moment


class MarkedPayout(msgspec.Struct, frozen=True):
    """A payout; `repeated` if it had been recorded before under the same reference."""

    payout: Payout
    repeated: bool


async def mark_paid_out(
    ports: LedgerPorts, partner_id: UUID, reference: str, *, amount: int | None = None
) -> MarkedPayout:
    """Record a payout of `amount` (10^-18 USD, whole cents), or of the whole balance if None.

    The reference makes this idempotent: the same reference again returns the recorded payout.
    Raises InvalidCommand if nothing is owed, if less is owed, or if the reference has been used for
    another amount; NotFound; Unavailable.
    """
    reference = checked_reference(reference)

    async def find_existing() -> Payout | None:
        existing = await ports.repository.payout(partner_id, reference)
        if existing is not None and amount not in (None, existing.amount):
            raise InvalidCommand(
                f"reference {reference} has paid {format_usd(existing.amount)} USD before, "
                f"not {format_usd(amount)}"
            )
        return existing

    def decide(earnings: Earnings) -> Payout:
        return payout(
            earnings,
            payout_id=ports.new_id(),
            partner_id=partner_id,
            reference=reference,
            amount=amount,
            now=ports.clock.now(),
        )

    recorded, repeated = await end_period(
        ports, partner_id, decide=decide, event=_paid_out, find_existing=find_existing
    )
    return MarkedPayout(recorded, repeated)


def payout_out(payout: Payout) -> PayoutOut:
    """Return the wire form of a payout."""
    return PayoutOut(
        id=str(payout.id),
        period_start=wire_moment(payout.period_start),
        period_end=wire_moment(payout.period_end),
        amount_usd=format_usd(payout.amount),
        reference=payout.reference,
        paid_out_at=wire_moment(payout.period_end),
    )


def _paid_out(event_id: UUID, payout: Payout) -> Event:
    return partner_paid_out(event_id, payout.partner_id, payout_out(payout), at=payout.period_end)
