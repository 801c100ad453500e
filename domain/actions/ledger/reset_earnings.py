"""Reset a partner's earnings: a new accounting cycle starts at zero."""

from uuid import UUID

from domain.actions.ledger.end_period import end_period
from domain.actions.ledger.ports import LedgerPorts
from domain.ledger.earnings import Earnings
from domain.ledger.payouts import EarningsReset, earnings_reset
from domain.money import format_usd
from domain.webhooks.events import EarningsOut, Event, earnings_cleared
from domain.wire import wire_moment


async def reset_earnings(ports: LedgerPorts, partner_id: UUID) -> EarningsReset:
    """Reset the accrued and paid amounts of the current accounting cycle to zero.

    The balance is no longer owed: it is the amount of the reset. Raises InvalidCommand if the cycle
    has no earnings yet; NotFound; Unavailable.
    """

    def decide(earnings: Earnings) -> EarningsReset:
        return earnings_reset(
            earnings, reset_id=ports.new_id(), partner_id=partner_id, now=ports.clock.now()
        )

    reset, _ = await end_period(ports, partner_id, decide=decide, event=_cleared)
    return reset


def earnings_out(reset: EarningsReset) -> EarningsOut:
    """Return the wire form of an earnings reset."""
    return EarningsOut(
        amount_usd=format_usd(reset.amount), cleared_at=wire_moment(reset.period_end)
    )


def _cleared(event_id: UUID, reset: EarningsReset) -> Event:
    return earnings_cleared(event_id, reset.partner_id, earnings_out(reset), at=reset.period_end)
