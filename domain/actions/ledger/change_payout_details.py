"""Ask for other payout details, which take effect after a day; withdraw them meanwhile."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.assets import Asset, Catalogue
from domain.cabinet.members import Member
from domain.chains.addresses import check_address, check_tag
from domain.clock import Clock
from domain.errors import InvalidAddress, InvalidRequest, InvalidTransition, NotFound
from domain.ledger.payout_details import (
    DELAY,
    PayoutDetails,
    PayoutPlan,
    RejectedPayoutDetails,
    plan,
)
from domain.market.ports import Market
from domain.webhooks.events import (
    DetailsStatus,
    Event,
    PayoutDetailsOut,
    payout_details_changed,
    wire_moment,
)


class PayoutDetailsRepository(Protocol):
    """Where payout details are kept, with who has asked for them. All of it raises Unavailable."""

    async def history(self, partner_id: UUID) -> Sequence[PayoutDetails]:
        """Return the newest details that were asked for, those that weren't withdrawn first."""

    async def ask(self, partner_id: UUID, details: PayoutDetails, event: Event) -> bool:
        """Put details down with the event of it, instead of any that wait.

        False where there is no such partner. They have to be asked for now, by the store's clock.
        """

    async def withdraw(
        self, partner_id: UUID, details_id: UUID, who: str, *, at: datetime, event: Event
    ) -> bool:
        """Withdraw details that wait, with the event of it; False where they don't wait."""


class PayoutDetailsPorts(msgspec.Struct, frozen=True):
    """What changing payout details needs."""

    clock: Clock
    market: Market
    book: PayoutDetailsRepository
    new_id: Callable[[], UUID]


async def show_payout_details(ports: PayoutDetailsPorts, partner_id: UUID) -> PayoutPlan:
    """Return the details in force and those that wait; raise Unavailable."""
    return plan(await ports.book.history(partner_id), ports.clock.now())


async def ask_payout_details(
    ports: PayoutDetailsPorts, member: Member, *, asset: str, address: str, tag: str
) -> PayoutDetails:
    """Change where payouts are sent, in effect from tomorrow.

    Raises RejectedPayoutDetails and Unavailable.
    """
    chosen, pay_to, pay_to_tag = checked_details(
        ports.market.catalogue, asset=asset, address=address, tag=tag
    )
    now = ports.clock.now()
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    details = PayoutDetails(
        id=ports.new_id(),
        asset=chosen.code,
        address=pay_to,
        tag=pay_to_tag,
        asked_by=member.email,
        asked_at=at,
        effective_at=at + DELAY,
    )
    event = _event(ports, member.partner_id, details, chosen, status=DetailsStatus.PENDING, at=at)
    if not await ports.book.ask(member.partner_id, details, event):
        raise NotFound(f"there is no partner {member.partner_id}")
    return details


async def withdraw_payout_details(
    ports: PayoutDetailsPorts, member: Member, details_id: UUID
) -> PayoutDetails:
    """Withdraw details that wait: what is in force stays.

    Raises NotFound for what isn't the partner's, InvalidTransition where they don't wait, and
    Unavailable.
    """
    history = await ports.book.history(member.partner_id)
    details = next((one for one in history if one.id == details_id), None)
    if details is None:
        raise NotFound(f"the partner has no payout details {details_id}")
    now = ports.clock.now()
    asset = ports.market.catalogue.assets[details.asset]
    event = _event(ports, member.partner_id, details, asset, status=DetailsStatus.WITHDRAWN, at=now)
    if not await ports.book.withdraw(
        member.partner_id, details_id, member.email, at=now, event=event
    ):
        raise InvalidTransition("these payout details don't wait any more")
    return details


def checked_details(
    catalogue: Catalogue, *, asset: str, address: str, tag: str
) -> tuple[Asset, str, str | None]:
    """Return asset, address and tag that can be sent to; raise RejectedPayoutDetails.

    Any asset that is enabled will do: the operator sends earnings by itself, not by settlement.
    """
    found = catalogue.assets.get(asset)
    if found is None or not found.enabled:
        raise RejectedPayoutDetails({"asset": "Please choose one of the list."})
    address, given = address.strip(), tag.strip() or None
    faults = {}
    try:
        check_address(found.network, address)
    except InvalidAddress:
        faults["address"] = (
            f"This isn't a valid address on {found.network}. Check that it is complete, and of the "
            "right network."
        )
    if given is not None:
        try:
            check_tag(found.network, given)
        except InvalidRequest:
            name = found.tag_name or "memo"
            faults["tag"] = f"This can't be a {name.lower()} on {found.network}."
    if faults:
        raise RejectedPayoutDetails(faults)
    return found, address, given


def _event(
    ports: PayoutDetailsPorts,
    partner_id: UUID,
    details: PayoutDetails,
    asset: Asset,
    *,
    status: DetailsStatus,
    at: datetime,
) -> Event:
    told = PayoutDetailsOut(
        id=str(details.id),
        status=status.value,
        asset=details.asset,
        network=asset.network,
        address=details.address,
        tag=details.tag,
        requested_at=wire_moment(details.asked_at),
        takes_effect_at=wire_moment(details.effective_at),
    )
    return payout_details_changed(ports.new_id(), partner_id, told, at=at)
