"""Show and set what orders may be worth: of all pairs, of one pair, and in a day."""

import msgspec

from domain.actions.operator.market.ports import MarketPorts
from domain.errors import InvalidCommand, NotFound
from domain.market.limits import Limits, PairLimits, checked_limits, parse_limit, parse_usd


class LimitsChange(msgspec.Struct, frozen=True):
    """New limits in USD as text; None leaves one as it is, `none` removes an optional one."""

    min_usd: str | None = None
    max_usd: str | None = None
    daily_cap_usd: str | None = None
    fixed_exposure_usd: str | None = None


async def show_limits(ports: MarketPorts) -> Limits:
    """Return the limits of all pairs, the caps, and the pairs' own limits."""
    return await ports.settings.limits()


async def show_pair_limits(ports: MarketPorts, pair: tuple[str, str]) -> PairLimits:
    """Return a pair's own limits; raise NotFound."""
    assets = (await ports.settings.catalogue()).assets
    source, destination = pair
    if source == destination or not {source, destination} <= assets.keys():
        raise NotFound(f"there is no pair {source} to {destination}")
    return (await ports.settings.limits()).pairs.get(pair, PairLimits())


async def set_limits(ports: MarketPorts, change: LimitsChange) -> Limits:
    """Change the limits of all pairs and the caps; raise InvalidCommand."""
    _check_change(change)
    limits = await ports.settings.limits()
    if change.min_usd is not None:
        limits = msgspec.structs.replace(limits, min_usd=parse_usd(change.min_usd))
    if change.max_usd is not None:
        limits = msgspec.structs.replace(limits, max_usd=parse_usd(change.max_usd))
    if change.daily_cap_usd is not None:
        limits = msgspec.structs.replace(limits, daily_cap_usd=parse_limit(change.daily_cap_usd))
    if change.fixed_exposure_usd is not None:
        cap = parse_limit(change.fixed_exposure_usd)
        limits = msgspec.structs.replace(limits, fixed_exposure_cap_usd=cap)
    await ports.settings.set_limits(checked_limits(limits))
    await ports.announce()
    return limits


async def set_pair_limits(
    ports: MarketPorts, pair: tuple[str, str], change: LimitsChange
) -> PairLimits:
    """Change a pair's own limits; raise InvalidCommand and NotFound."""
    _check_change(change)
    if change.daily_cap_usd is not None or change.fixed_exposure_usd is not None:
        raise InvalidCommand("a cap applies to all pairs together: omit --from and --to")
    limits = await ports.settings.limits()
    own = limits.pairs.get(pair, PairLimits())
    if change.min_usd is not None:
        own = msgspec.structs.replace(own, min_usd=parse_limit(change.min_usd))
    if change.max_usd is not None:
        own = msgspec.structs.replace(own, max_usd=parse_limit(change.max_usd))
    checked_limits(msgspec.structs.replace(limits, pairs={**limits.pairs, pair: own}))
    await ports.settings.set_pair_limits(pair, own)
    await ports.announce()
    return own


def _check_change(change: LimitsChange) -> None:
    if change == LimitsChange():
        raise InvalidCommand("there is nothing to change: name a limit")
