"""A catalogue of artificial assets with all pairs, and prices over eight orders of magnitude."""

from domain.assets import Asset, Bounds, Catalogue, Switches
from domain.market.pricing import PriceTable
from domain.market.rates import RateSnapshot
from domain.money import USD_DECIMALS, power_of_ten

HIGHEST_USD = 62_450
STEP = 1.18
PRECISIONS = (6, 8, 9, 12)


def priced_catalogue(assets: int) -> PriceTable:
    """Return the price table of this many assets."""
    usd = power_of_ten(USD_DECIMALS)
    by_code = {f"c{number:03}": _asset(number) for number in range(assets)}
    prices = {
        asset.coin: int(HIGHEST_USD / STEP**number * 10**6) * usd // 10**6
        for number, asset in enumerate(by_code.values())
    }
    catalogue = Catalogue(
        assets=by_code,
        disabled_pairs=frozenset(),
        default_bounds=Bounds(usd, 5_000 * usd),
        pair_bounds={},
        switches=Switches(),
    )
    return PriceTable(catalogue, RateSnapshot(at=0, prices=prices))


def _asset(number: int) -> Asset:
    return Asset(
        code=f"c{number:03}",
        coin=f"C{number:03}",
        network=f"Network {number % 20}",
        name=f"Coin {number}",
        precision=PRECISIONS[number % len(PRECISIONS)],
        network_fee=2_000,
        fee_bps=50,
        aggregator_code=f"COIN{number:03}",
    )
