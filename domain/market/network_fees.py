"""The network fee of a payout: the operator's number, or what the network costs at the moment."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from domain.assets import Asset
from domain.errors import InvalidCommand
from domain.market.rates import RateSnapshot
from domain.money import BPS, power_of_ten, quantize_up

ESTIMATE_LIFETIME: Final = timedelta(minutes=15)
"""An older estimate is ignored: the operator's number applies."""
MAX_MARGIN_BPS: Final = 50_000
MAX_MULTIPLE: Final = 1_000


class NetworkFeeRule(msgspec.Struct, frozen=True):
    """How network fees follow estimates.

    `margin_bps` is added to an estimate, for the payout is sent later. `max_multiple` of the
    operator's number is the maximum; 1 turns estimates off.
    """

    margin_bps: int = 2_000
    max_multiple: int = 10

    def charged(self, operator_fee: int, estimate: int | None) -> int:
        """Return the network fee of new orders, in smallest units of the asset."""
        if estimate is None:
            return operator_fee
        return max(operator_fee, min(self.needed(estimate), operator_fee * self.max_multiple))

    def needed(self, estimate: int) -> int:
        """Return an estimate and its margin."""
        return quantize_up(estimate * (BPS + self.margin_bps), BPS)


class FeeEstimate(msgspec.Struct, frozen=True):
    """What a payout of an asset costs, in its smallest units, and when it was estimated."""

    amount: int
    at: datetime

    def is_stale(self, now: datetime) -> bool:
        """Return whether it is too old to be used."""
        return now - self.at > ESTIMATE_LIFETIME


class NetworkFee(msgspec.Struct, frozen=True):
    """An asset's network fee as the operator has set it, its newest estimate, and what applies."""

    asset: Asset
    operator_fee: int
    estimate: FeeEstimate | None
    charged: int


def checked_rule(rule: NetworkFeeRule) -> NetworkFeeRule:
    """Return the rule unchanged; raise InvalidCommand for values out of range."""
    if not 0 <= rule.margin_bps <= MAX_MARGIN_BPS:
        raise InvalidCommand(f"a margin of {rule.margin_bps} bps is not in 0..{MAX_MARGIN_BPS}")
    if not 1 <= rule.max_multiple <= MAX_MULTIPLE:
        raise InvalidCommand(f"a multiple of {rule.max_multiple} is not in 1..{MAX_MULTIPLE}")
    return rule


def fee_in_asset(
    fee: int, *, coin: str, decimals: int, asset: Asset, snapshot: RateSnapshot
) -> int:
    """Return a fee paid in 10^-decimals of a network's coin in smallest units of an asset of it.

    Rounded up. Raises Unavailable where it has to be converted and there is no price.
    """
    amount, unit = fee * power_of_ten(asset.precision), power_of_ten(decimals)
    if asset.coin == coin:
        return quantize_up(amount, unit)
    return quantize_up(amount * snapshot.price(coin), unit * snapshot.price(asset.coin))
