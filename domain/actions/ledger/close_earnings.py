"""Close a partner's period: what paying out and clearing have in common."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from domain.actions.ledger.ports import LedgerPorts
from domain.errors import Unavailable
from domain.ledger.payouts import Closing, Earnings
from domain.webhooks.events import Event

MAX_TRIES = 100


async def _never_before() -> Closing | None:
    return None


async def close_earnings(
    ports: LedgerPorts,
    partner_id: UUID,
    *,
    decide: Callable[[Earnings], Closing],
    event: Callable[[UUID, Closing], Event],
    before: Callable[[], Awaitable[Closing | None]] = _never_before,
) -> tuple[Closing, bool]:
    """Decide on the account as it is and store that with its event; True if it was done `before`.

    Optimistic, as a move of an order: whoever closes a period meanwhile makes the account be read
    and decided anew. Earnings that come in meanwhile belong to the next period. Raises what
    `decide` and `before` raise, and Unavailable.
    """
    for _ in range(MAX_TRIES):
        earnings = await ports.accounts.earnings(partner_id)
        earlier = await before()  # after the account is read: what it lacks may be in this
        if earlier is not None:
            return earlier, True
        closing = decide(earnings)
        if await ports.accounts.close(closing, event(ports.new_id(), closing)):
            return closing, False
    raise Unavailable(f"the account of partner {partner_id} is closed by others all the time")
