"""Check which limits on orders are not set where real money is at stake."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from domain.actions.operator.doctor.checks import Probe, Remark
from domain.market.unpaid import UnpaidCap


class LimitsHealth(msgspec.Struct, frozen=True):
    """What is known of the limits."""

    is_sandbox: Callable[[], Awaitable[bool]]
    unpaid_caps: Callable[[], Awaitable[Sequence[UnpaidCap]]]


def limit_checks(health: LimitsHealth) -> list[tuple[str, Probe]]:
    """Return the check."""
    return [("limits", lambda: _unlimited(health))]


async def _unlimited(health: LimitsHealth) -> str | None:
    if await health.is_sandbox():
        return None
    missing = [
        f"unpaid orders of a {cap.scope} (`swapgate unpaid-cap set {cap.scope} USD`)"
        for cap in await health.unpaid_caps()
        if cap.cap_usd is None
    ]
    if not missing:
        return None
    return Remark(f"These are unlimited: {', '.join(missing)}")
