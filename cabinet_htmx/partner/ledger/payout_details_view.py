"""The payout details page: current, pending and canceled details, and the form."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cabinet_htmx.partner.messages import NOT_AN_OPTION
from cabinet_htmx.shared.options import Option, asset_options
from domain.assets import Asset, Catalogue
from domain.cabinet.members import Member, Role
from domain.ledger.payout_details import DetailsProblem, PayoutDetails, PayoutPlan

DETAILS: Final = "/partner/payout-history/details"
MAX_CANCELED_SHOWN: Final = 5

CHANGE_REQUESTED: Final = (
    "The new payout details take effect in 24 hours. You can cancel the change until then."
)
CHANGE_CANCELED: Final = "Change canceled. Your current payout details stay in effect."
NOT_PENDING: Final = "This change can't be canceled: it has taken effect or was already canceled."


class DetailsShown(msgspec.Struct, frozen=True, kw_only=True):
    """Payout details as shown."""

    id: str
    coin: str
    network: str
    address: str
    tag: str | None
    tag_name: str
    requested_by: str
    requested_at: datetime
    effective_at: datetime
    canceled_by: str | None
    canceled_at: datetime | None


class DetailsForm(msgspec.Struct, frozen=True, kw_only=True):
    """The form as submitted."""

    asset: str = ""
    address: str = ""
    tag: str = ""


class DetailsView(msgspec.Struct, frozen=True, kw_only=True):
    """Context of the template. `can_edit` is set for owners."""

    current: DetailsShown | None
    pending: DetailsShown | None
    canceled: Sequence[DetailsShown]
    options: Sequence[Option]
    form: DetailsForm
    errors: Mapping[str, str]
    can_edit: bool


def details_view(
    history: Sequence[PayoutDetails],
    plan: PayoutPlan,
    catalogue: Catalogue,
    member: Member,
    *,
    form: DetailsForm | None = None,
    errors: Mapping[str, str] | None = None,
) -> DetailsView:
    """Return the view of a partner's payout details."""
    form = form or DetailsForm()
    canceled = [one for one in history if one.canceled_at is not None]
    enabled = (asset for asset in catalogue.assets.values() if asset.enabled)
    return DetailsView(
        current=details_shown(plan.current, catalogue),
        pending=details_shown(plan.pending, catalogue),
        canceled=[_shown(one, catalogue) for one in canceled[:MAX_CANCELED_SHOWN]],
        options=asset_options(enabled, form.asset),
        form=form,
        errors=errors or {},
        can_edit=member.role is Role.OWNER,
    )


def details_shown(details: PayoutDetails | None, catalogue: Catalogue) -> DetailsShown | None:
    """Return payout details as shown, or None."""
    return None if details is None else _shown(details, catalogue)


def details_errors(
    problems: Mapping[str, DetailsProblem], asset: Asset | None
) -> Mapping[str, str]:
    """Return the error message of each field."""
    return {field: _error(problem, asset) for field, problem in problems.items()}


def _error(problem: DetailsProblem, asset: Asset | None) -> str:
    if problem is DetailsProblem.UNKNOWN_ASSET or asset is None:
        return NOT_AN_OPTION
    if problem is DetailsProblem.INVALID_ADDRESS:
        return (
            f"This isn't a valid {asset.network} address. Check that it is complete and on the "
            "right network."
        )
    return f"This isn't a valid {(asset.tag_name or 'memo').lower()} on {asset.network}."


def _shown(details: PayoutDetails, catalogue: Catalogue) -> DetailsShown:
    asset = catalogue.assets[details.asset]
    return DetailsShown(
        id=str(details.id),
        coin=asset.coin,
        network=asset.network,
        address=details.address,
        tag=details.tag,
        tag_name=asset.tag_name or "Memo",
        requested_by=details.requested_by,
        requested_at=details.requested_at,
        effective_at=details.effective_at,
        canceled_by=details.canceled_by,
        canceled_at=details.canceled_at,
    )
