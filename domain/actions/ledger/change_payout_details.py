"""Request new payout details, which take effect after a day, or cancel the request."""

from datetime import datetime
from uuid import UUID

from domain.actions.ledger.ports import PayoutDetailsPorts
from domain.assets import Asset, Catalogue
from domain.cabinet.members import Member
from domain.chains.addresses import check_address, check_tag
from domain.errors import InvalidAddress, InvalidCommand, InvalidTransition, NotFound
from domain.ledger.payout_details import (
    DELAY,
    DetailsProblem,
    PayoutDetails,
    PayoutPlan,
    RejectedPayoutDetails,
    plan,
)
from domain.webhooks.events import DetailsStatus, Event, PayoutDetailsOut, payout_details_changed
from domain.wire import wire_moment


async def show_payout_details(ports: PayoutDetailsPorts, partner_id: UUID) -> PayoutPlan:
    """Return the current details and a pending change. Raises Unavailable."""
    return plan(await ports.repository.history(partner_id), ports.clock.now())


async def request_payout_details(
    ports: PayoutDetailsPorts, member: Member, *, asset: str, address: str, tag: str
) -> PayoutDetails:
    """Request new payout details, effective after DELAY; they replace a pending change.

    Raises RejectedPayoutDetails and Unavailable.
    """
    known_asset, checked_address, checked_tag = checked_details(
        ports.market.catalogue, asset=asset, address=address, tag=tag
    )
    now = ports.clock.now()
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    details = PayoutDetails(
        id=ports.new_id(),
        asset=known_asset.code,
        address=checked_address,
        tag=checked_tag,
        requested_by=member.email,
        requested_at=at,
        effective_at=at + DELAY,
    )
    event = _event(
        ports, member.partner_id, details, known_asset, status=DetailsStatus.PENDING, at=at
    )
    if not await ports.repository.request(member.partner_id, details, event):
        raise NotFound(f"there is no partner {member.partner_id}")
    return details


async def cancel_payout_details(
    ports: PayoutDetailsPorts, member: Member, details_id: UUID
) -> PayoutDetails:
    """Cancel pending payout details; the current ones stay in effect.

    Raises NotFound if the partner has no such details, InvalidTransition if they are not pending,
    and Unavailable.
    """
    history = await ports.repository.history(member.partner_id)
    details = next((one for one in history if one.id == details_id), None)
    if details is None:
        raise NotFound(f"the partner has no payout details {details_id}")
    now = ports.clock.now()
    asset = ports.market.catalogue.assets[details.asset]
    event = _event(ports, member.partner_id, details, asset, status=DetailsStatus.WITHDRAWN, at=now)
    if not await ports.repository.cancel(
        member.partner_id, details_id, member.email, at=now, event=event
    ):
        raise InvalidTransition("these payout details are not pending")
    return details


def checked_details(
    catalogue: Catalogue, *, asset: str, address: str, tag: str
) -> tuple[Asset, str, str | None]:
    """Return asset, address and tag that can be sent to; raise RejectedPayoutDetails.

    Any enabled asset is accepted: the operator sends earnings itself, not through settlement.
    """
    known = catalogue.assets.get(asset)
    if known is None or not known.enabled:
        raise RejectedPayoutDetails({"asset": DetailsProblem.UNKNOWN_ASSET})
    address, stripped_tag = address.strip(), tag.strip() or None
    problems = {}
    try:
        check_address(known.network, address)
    except InvalidAddress:
        problems["address"] = DetailsProblem.INVALID_ADDRESS
    if stripped_tag is not None:
        try:
            check_tag(known.network, stripped_tag)
        except InvalidCommand:
            problems["tag"] = DetailsProblem.INVALID_TAG
    if problems:
        raise RejectedPayoutDetails(problems)
    return known, address, stripped_tag


def _event(
    ports: PayoutDetailsPorts,
    partner_id: UUID,
    details: PayoutDetails,
    asset: Asset,
    *,
    status: DetailsStatus,
    at: datetime,
) -> Event:
    details_out = PayoutDetailsOut(
        id=str(details.id),
        status=status.value,
        asset=details.asset,
        network=asset.network,
        address=details.address,
        tag=details.tag,
        requested_at=wire_moment(details.requested_at),
        takes_effect_at=wire_moment(details.effective_at),
    )
    return payout_details_changed(ports.new_id(), partner_id, details_out, at=at)
