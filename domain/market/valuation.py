"""The value of amounts in USD and BTC at mid prices, in exact integers."""

import msgspec

from domain.assets import Asset
from domain.money import (
    CENT_DECIMALS,
    UNITS_PER_CENT,
    format_units,
    power_of_ten,
    quantize_down,
    quantize_half_up,
    quantize_up,
)

BTC_DECIMALS = 8


class UsdValue(msgspec.Struct, frozen=True, gc=False):
    """An exact USD value: `product` over 10^(18 + precision)."""

    product: int
    precision: int

    def is_below(self, usd: int) -> bool:
        """Return whether it is less than `usd` (10^-18 USD)."""
        return self.product < usd * power_of_ten(self.precision)

    def is_above(self, usd: int) -> bool:
        """Return whether it is more than `usd` (10^-18 USD)."""
        return self.product > usd * power_of_ten(self.precision)

    def usd(self) -> int:
        """Return it in whole 10^-18 USD, rounded down."""
        return quantize_down(self.product, power_of_ten(self.precision))

    def cents(self) -> str:
        """Return it for display: two decimals, halves up."""
        scale = power_of_ten(self.precision) * UNITS_PER_CENT
        return format_units(quantize_half_up(self.product, scale), CENT_DECIMALS)

    def in_btc(self, btc_price: int) -> str:
        """Return it in BTC for display: eight decimals, halves up."""
        scale = btc_price * power_of_ten(self.precision)
        return format_units(
            quantize_half_up(self.product * power_of_ten(BTC_DECIMALS), scale), BTC_DECIMALS
        )


def usd_value(amount: int, price: int, asset: Asset) -> UsdValue:
    """Return the value of `amount` smallest units at `price`."""
    return UsdValue(amount * price, asset.precision)


def smallest_worth(usd: int, price: int, asset: Asset) -> int:
    """Return the least amount worth at least `usd`: the published minimum."""
    return quantize_up(usd * 10**asset.precision, price)


def largest_worth(usd: int, price: int, asset: Asset) -> int:
    """Return the greatest amount worth at most `usd`: the published maximum."""
    return quantize_down(usd * 10**asset.precision, price)
