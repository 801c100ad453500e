"""Check that network fees follow what payouts cost."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import msgspec

from domain.actions.operator.doctor.checks import Probe, Remark
from domain.assets import Catalogue
from domain.clock import Clock
from domain.market.network_fees import NetworkFee


class FeesHealth(msgspec.Struct, frozen=True):
    """What is known of the network fees."""

    catalogue: Callable[[], Awaitable[Catalogue]]
    fees: Callable[[], Awaitable[Sequence[NetworkFee]]]


def fee_checks(health: FeesHealth, clock: Clock) -> list[tuple[str, Probe]]:
    """Return the check."""
    return [("network-fees", lambda: _network_fees(health, clock))]


async def _network_fees(health: FeesHealth, clock: Clock) -> str | None:
    if (await health.catalogue()).sandbox:
        return None
    now = clock.now()
    paid = [one for one in await health.fees() if one.asset.enabled and one.asset.sendable]
    too_low = [one.asset.code for one in paid if _is_too_low(one, now)]
    if too_low:
        return (
            f"Payouts of {', '.join(too_low)} cost more than new orders are charged: compare "
            "`swapgate network-fee show`, and raise the operator's number with "
            "`swapgate network-fee set ASSET AMOUNT` or the multiple with `network-fee follow`"
        )
    outdated = [
        one.asset.code for one in paid if one.estimate is None or one.estimate.is_stale(now)
    ]
    if not outdated:
        return None
    return Remark(
        f"There is no recent estimate of the network fee of {', '.join(outdated)}, so the "
        "operator's number applies: see settlement's log for the reason"
    )


def _is_too_low(fee: NetworkFee, now: datetime) -> bool:
    """Return whether a recent estimate exceeds the fee; one of 0 is the operator's choice."""
    if fee.operator_fee == 0 or fee.estimate is None or fee.estimate.is_stale(now):
        return False
    return fee.charged < fee.estimate.amount
