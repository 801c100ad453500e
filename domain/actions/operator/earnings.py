"""Show partners' earnings, mark payouts as paid with where they were sent, reset earnings."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from domain.actions.ledger import mark_paid_out as payout
from domain.actions.ledger import reset_earnings as reset
from domain.actions.ledger.ports import LedgerPorts
from domain.actions.operator.partners import OperatorPartnerRepository
from domain.ledger.earnings import Earnings
from domain.ledger.payout_details import PayoutDetails, PayoutPlan, plan
from domain.ledger.payouts import EarningsReset, Payout
from domain.ledger.periods import EarningsPeriod
from domain.market.limits import parse_usd


class OperatorEarningsQueries(Protocol):
    """What the operator reads of a partner's earnings. Each method raises Unavailable."""

    async def earnings(self, partner_id: UUID) -> Earnings:
        """Return the account as it is now; raise NotFound."""

    async def payouts(self, partner_id: UUID, *, limit: int) -> Sequence[Payout]:
        """Return the newest payouts, newest first."""

    async def periods(self, partner_id: UUID, *, limit: int) -> Sequence[EarningsPeriod]:
        """Return the newest periods, newest first, starting with the current one."""


class EarningsPorts(msgspec.Struct, frozen=True):
    """What the operator's actions on earnings need.

    `payout_details` returns all details that a partner has requested, and raises Unavailable.
    """

    partners: OperatorPartnerRepository
    ledger: LedgerPorts
    queries: OperatorEarningsQueries
    payout_details: Callable[[UUID], Awaitable[Sequence[PayoutDetails]]]


class ListedPayout(msgspec.Struct, frozen=True):
    """A payout and the payout details in force at its time, None without any.

    `repeated` says that its reference was used before, and nothing was paid now.
    """

    payout: Payout
    sent_to: PayoutDetails | None
    repeated: bool = False


async def show_earnings(ports: EarningsPorts, who: str) -> Earnings:
    """Return a partner's account as it is now; raise NotFound."""
    partner = await ports.partners.find(who)
    return await ports.queries.earnings(partner.id)


async def list_periods(ports: EarningsPorts, who: str, *, limit: int) -> Sequence[EarningsPeriod]:
    """Return a partner's periods, newest first, starting with the current one; raise NotFound."""
    partner = await ports.partners.find(who)
    return await ports.queries.periods(partner.id, limit=limit)


async def reset_earnings(ports: EarningsPorts, who: str) -> EarningsReset:
    """Start a new accounting cycle of a partner at zero; raise InvalidCommand and NotFound."""
    partner = await ports.partners.find(who)
    return await reset.reset_earnings(ports.ledger, partner.id)


async def mark_paid(
    ports: EarningsPorts, who: str, reference: str, *, amount_usd: str | None = None
) -> ListedPayout:
    """Mark what a partner is owed as paid, or a part of it; once per reference.

    Raises InvalidCommand and NotFound.
    """
    partner = await ports.partners.find(who)
    amount = None if amount_usd is None else parse_usd(amount_usd)
    marked = await payout.mark_paid_out(ports.ledger, partner.id, reference, amount=amount)
    (listed,) = await _with_details(ports, partner.id, [marked.payout])
    return msgspec.structs.replace(listed, repeated=marked.repeated)


async def list_payouts(ports: EarningsPorts, who: str, *, limit: int) -> Sequence[ListedPayout]:
    """Return a partner's payouts, newest first; raise NotFound."""
    partner = await ports.partners.find(who)
    payouts = await ports.queries.payouts(partner.id, limit=limit)
    return await _with_details(ports, partner.id, payouts)


async def show_payout_details(ports: EarningsPorts, who: str) -> PayoutPlan:
    """Return where to send a partner's earnings now, and what replaces that; raise NotFound."""
    partner = await ports.partners.find(who)
    return plan(await ports.payout_details(partner.id), ports.ledger.clock.now())


async def _with_details(
    ports: EarningsPorts, partner_id: UUID, payouts: Sequence[Payout]
) -> list[ListedPayout]:
    history = await ports.payout_details(partner_id)
    return [ListedPayout(one, plan(history, one.period_end).current) for one in payouts]
