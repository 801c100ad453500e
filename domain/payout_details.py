"""Where a partner wants its earnings sent, and when a change of that takes effect."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from domain.addresses import check_address, check_tag
from domain.assets import Asset, Catalogue
from domain.errors import InvalidAddress, InvalidRequest

DELAY: Final = timedelta(hours=24)
"""Who has come into a cabinet can be noticed within this time."""


class PayoutDetails(msgspec.Struct, frozen=True, kw_only=True):
    """An asset and an address of it, asked for by somebody of the partner."""

    id: UUID
    asset: str
    address: str
    tag: str | None
    asked_by: str
    asked_at: datetime
    effective_at: datetime
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None


class PayoutPlan(msgspec.Struct, frozen=True):
    """What is in force now, and what takes its place when its time comes."""

    current: PayoutDetails | None
    pending: PayoutDetails | None


class DetailsRefused(InvalidRequest):
    """Payout details that nothing could be sent to; `faults` says in words why, by field."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = faults


def plan(history: Sequence[PayoutDetails], now: datetime) -> PayoutPlan:
    """Return what of all details that were ever asked for counts now."""
    kept = [one for one in history if one.cancelled_at is None]
    current = [one for one in kept if one.effective_at <= now]
    pending = [one for one in kept if one.effective_at > now]
    return PayoutPlan(
        max(current, key=_in_force_since, default=None),
        max(pending, key=_in_force_since, default=None),
    )


def checked_details(
    catalogue: Catalogue, *, asset: str, address: str, tag: str
) -> tuple[Asset, str, str | None]:
    """Return asset, address and tag that can be sent to; raise DetailsRefused.

    Earnings are sent by a person, who needs no hot wallet of settlement's for it.
    """
    found = catalogue.assets.get(asset)
    if found is None or not found.enabled:
        raise DetailsRefused({"asset": "Please choose one of the list."})
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
        raise DetailsRefused(faults)
    return found, address, given


def _in_force_since(details: PayoutDetails) -> datetime:
    return details.effective_at
