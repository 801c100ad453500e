"""Check which limits on orders are not set where real money is at stake."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from domain.actions.operator.doctor.checks import Probe, Remark
from domain.actions.operator.market.ports import MarketPorts
from domain.actions.operator.outflows import OperatorOutflowRepository
from domain.assets import Catalogue
from domain.market.unpaid import UnpaidCap, UnpaidScope


class LimitsHealth(msgspec.Struct, frozen=True):
    """What is known of the limits."""

    catalogue: Callable[[], Awaitable[Catalogue]]
    unpaid_caps: Callable[[], Awaitable[Sequence[UnpaidCap]]]
    market: MarketPorts
    outflows: OperatorOutflowRepository


def limit_checks(health: LimitsHealth) -> list[tuple[str, Probe]]:
    """Return the check."""
    return [("limits", lambda: _unlimited(health))]


async def _unlimited(health: LimitsHealth) -> str | None:
    catalogue = await health.catalogue()
    if catalogue.sandbox:
        return None
    caps = await health.unpaid_caps()
    missing = [
        f"unpaid orders of a {cap.scope} (`swapgate unpaid-cap set {cap.scope} USD`)"
        for cap in caps
        if cap.cap_usd is None
    ]
    missing += [
        "how many orders of a client are unpaid (`swapgate unpaid-cap set client --orders N`)"
        for cap in caps
        if cap.scope is UnpaidScope.CLIENT and cap.cap_orders is None
    ]
    missing += await _without_cap(health, catalogue)
    if of_any_size := _of_any_size(catalogue):
        names = ", ".join(of_any_size)
        missing.append(f"small deposits of {names} (`swapgate min-deposit set ASSET AMOUNT`)")
    reserves = {one.asset.code for one in await health.market.reserves.reserves(catalogue)}
    sent = {asset.code for asset in catalogue.active_assets() if asset.sendable}
    if without_reserve := sorted(sent - reserves):
        names = ", ".join(without_reserve)
        missing.append(f"payouts of {names} (`swapgate reserve set ASSET AMOUNT`)")
    return Remark(f"These are unlimited: {', '.join(missing)}") if missing else None


def _of_any_size(catalogue: Catalogue) -> list[str]:
    """Return the assets whose smallest deposits count, so that dust changes orders."""
    assets = catalogue.active_assets()
    return sorted(one.code for one in assets if one.receivable and one.min_deposit == 0)


async def _without_cap(health: LimitsHealth, catalogue: Catalogue) -> list[str]:
    limits = await health.market.settings.limits()
    outflows = await health.outflows.settings()
    missing = []
    if limits.daily_cap_usd is None:
        missing.append("orders of a day (`swapgate limits set --daily-cap-usd USD`)")
    if outflows.daily_cap_usd is None:
        missing.append("payouts of a day (`swapgate outflow cap USD`)")
    if catalogue.switches.fixed_rates and limits.fixed_exposure_cap_usd is None:
        missing.append("open fixed rates (`swapgate limits set --fixed-exposure-usd USD`)")
    return missing
