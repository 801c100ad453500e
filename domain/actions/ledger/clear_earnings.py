"""Clear what a partner is owed: a new accounting cycle begins at zero."""

from uuid import UUID

from domain.actions.ledger.close_earnings import close_earnings
from domain.actions.ledger.ports import LedgerPorts
from domain.ledger.payouts import Closing, Earnings, clearing
from domain.money import format_usd
from domain.webhooks.events import EarningsOut, Event, earnings_cleared
from domain.wire import wire_moment


async def clear_earnings(ports: LedgerPorts, partner_id: UUID) -> Closing:
    """Set back to zero what the partner has accrued and been paid since the last clearing.

    What was still owed is owed no longer: that is the closing's amount. Raises InvalidRequest
    where the cycle has earned nothing yet; NotFound; Unavailable.
    """

    def decide(earnings: Earnings) -> Closing:
        return clearing(
            earnings, closing_id=ports.new_id(), partner_id=partner_id, now=ports.clock.now()
        )

    closing, _ = await close_earnings(ports, partner_id, decide=decide, event=_cleared)
    return closing


def earnings_out(closing: Closing) -> EarningsOut:
    """Return a clearing as partners are told of it."""
    return EarningsOut(
        amount_usd=format_usd(closing.amount), cleared_at=wire_moment(closing.closed_at)
    )


def _cleared(event_id: UUID, closing: Closing) -> Event:
    return earnings_cleared(
        event_id, closing.partner_id, earnings_out(closing), at=closing.closed_at
    )
