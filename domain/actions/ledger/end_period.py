"""End a partner's earnings period: the steps that payouts and earnings resets share."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

from domain.actions.ledger.ports import LedgerPorts
from domain.errors import Unavailable
from domain.ledger.earnings import Earnings
from domain.ledger.payouts import EarningsReset, Payout
from domain.webhooks.events import Event

MAX_TRIES = 100

End = TypeVar("End", Payout, EarningsReset)


async def end_period(
    ports: LedgerPorts,
    partner_id: UUID,
    *,
    decide: Callable[[Earnings], End],
    event: Callable[[UUID, End], Event],
    find_existing: Callable[[], Awaitable[End | None]] | None = None,
) -> tuple[End, bool]:
    """Store what `decide` returns for the current earnings, together with its event.

    Returns the end of the period, and whether it existed already according to `find_existing`.
    Optimistic concurrency: if another payout or reset ends the period first, the earnings are read
    again and `decide` is called again. Earnings accrued meanwhile belong to the next period. Raises
    what `decide` and `find_existing` raise, and Unavailable.
    """
    for _ in range(MAX_TRIES):
        earnings = await ports.repository.earnings(partner_id)
        # Only after reading the earnings: a payout that they already include must be found here.
        existing = await find_existing() if find_existing else None
        if existing is not None:
            return existing, True
        end = decide(earnings)
        if await ports.repository.end_period(end, event(ports.new_id(), end)):
            return end, False
    raise Unavailable(f"too many concurrent payouts or resets of partner {partner_id}")
