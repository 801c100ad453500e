"""Show and set what a swap costs beside the markup: service fee, spread and network fee."""

from collections.abc import Mapping, Sequence

from domain.actions.operator.market.assets import find_asset
from domain.actions.operator.market.ports import MarketPorts
from domain.assets import Asset
from domain.errors import NotFound
from domain.market.fees import checked_fee, checked_spread, parse_network_fee
from domain.market.network_fees import NetworkFee, NetworkFeeRule, checked_rule


async def show_fees(ports: MarketPorts, network: str | None = None) -> Mapping[str, int]:
    """Return the service fee by network in basis points, of all networks or one; NotFound."""
    fees = await ports.settings.fees()
    if network is None:
        return fees
    for name, fee_bps in fees.items():
        if name.lower() == network.lower():
            return {name: fee_bps}
    raise NotFound(f"there is no network {network}")


async def set_fee(ports: MarketPorts, network: str, fee_bps: int) -> str:
    """Set the service fee of swaps to a network; return the network's name.

    Raises InvalidCommand and NotFound.
    """
    name = await ports.settings.set_fee(network, checked_fee(fee_bps))
    await ports.announce()
    return name


async def show_spread(ports: MarketPorts) -> int:
    """Return the spread in basis points."""
    return await ports.settings.spread()


async def set_spread(ports: MarketPorts, spread_bps: int) -> None:
    """Set the spread; raise InvalidCommand."""
    await ports.settings.set_spread(checked_spread(spread_bps))
    await ports.announce()


async def show_network_fees(ports: MarketPorts, code: str | None = None) -> Sequence[NetworkFee]:
    """Return the network fees of all assets, or of one; raise NotFound."""
    fees = await ports.settings.network_fees()
    if code is None:
        return fees
    asset = find_asset(await ports.settings.catalogue(), code)
    return [one for one in fees if one.asset.code == asset.code]


async def show_network_fee_rule(ports: MarketPorts) -> NetworkFeeRule:
    """Return how network fees follow estimates."""
    return await ports.settings.network_fee_rule()


async def set_network_fee_rule(
    ports: MarketPorts, *, margin_bps: int | None, max_multiple: int | None
) -> NetworkFeeRule:
    """Set how network fees follow estimates; None leaves a part as it is. Raises InvalidCommand."""
    rule = await ports.settings.network_fee_rule()
    changed = checked_rule(
        NetworkFeeRule(
            rule.margin_bps if margin_bps is None else margin_bps,
            rule.max_multiple if max_multiple is None else max_multiple,
        )
    )
    await ports.settings.set_network_fee_rule(changed)
    await ports.announce()
    return changed


async def set_network_fee(ports: MarketPorts, code: str, amount: str) -> tuple[Asset, int]:
    """Set the least that is deducted from a payout of an asset for its network.

    Returns the asset and the fee in its smallest units. Raises InvalidCommand and NotFound.
    """
    asset = find_asset(await ports.settings.catalogue(), code)
    units = parse_network_fee(amount, asset)
    await ports.settings.set_network_fee(asset, units)
    await ports.announce()
    return asset, units
