"""A catalogue of made-up assets that all swap to each other, with prices over eight decades."""

from domain.assets import Asset, Bounds, Catalogue, Switches
from domain.market.pricing import PriceTable
from domain.market.rates import RateSnapshot
from domain.money import USD_DECIMALS, power_of_ten

DEAREST_USD = 62_450
FALL = 1.18
PRECISIONS = (6, 8, 9, 12)


def priced_catalogue(assets: int) -> PriceTable:
    """Return the price table of so many assets."""
    usd = power_of_ten(USD_DECIMALS)
    made = {f"c{number:03}": _asset(number) for number in range(assets)}
    prices = {
        asset.coin: int(DEAREST_USD / FALL**number * 10**6) * usd // 10**6
        for number, asset in enumerate(made.values())
    }
    catalogue = Catalogue(
        assets=made,
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
