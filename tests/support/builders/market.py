"""Builds catalogues and price tables for tests."""

from collections.abc import Mapping

from domain.assets import Asset, Bounds, Catalogue, FixedRateTerms, Switches
from domain.market.pricing import PriceTable
from domain.market.rates import RateSnapshot
from domain.money import USD_DECIMALS

USD = 10**USD_DECIMALS


def asset(coin: str, precision: int = 8, *, network_fee: int = 0, **changes: object) -> Asset:
    defaults = {
        "code": coin.lower(),
        "coin": coin,
        "network": coin,
        "name": coin,
        "precision": precision,
        "network_fee": network_fee,
        "fee_bps": 50,
        "aggregator_code": coin,
    }
    return Asset(**{**defaults, **changes})  # type: ignore[arg-type]


def catalogue(
    *assets: Asset,
    switches: Switches | None = None,
    disabled: frozenset[tuple[str, str]] = frozenset(),
    fixed_rate_terms: FixedRateTerms | None = None,
) -> Catalogue:
    return Catalogue(
        assets={one.code: one for one in assets},
        disabled_pairs=disabled,
        default_bounds=Bounds(USD, 5_000 * USD),
        pair_bounds={},
        switches=switches or Switches(),
        fixed_rate_terms=fixed_rate_terms,
    )


def prices(usd: Mapping[str, int], *, at: float = 0) -> RateSnapshot:
    """Return a snapshot of these prices, in units of 10^-18 USD."""
    return RateSnapshot(at=at, prices=usd)


def table(*assets: Asset, usd: Mapping[str, int]) -> PriceTable:
    return PriceTable(catalogue(*assets), prices(usd))
