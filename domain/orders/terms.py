"""What decides how the confirmed deposits of an order are settled."""

import msgspec

from domain.assets import Bounds, FixedRateTerms
from domain.market.rates import RateSnapshot


class SettlementTerms(msgspec.Struct, frozen=True):
    """Current prices, the pair's bounds, and the operator's terms of fixed rates."""

    snapshot: RateSnapshot
    bounds: Bounds
    fixed_rates: FixedRateTerms = FixedRateTerms()
