"""What the operator's actions on the market need from the outside, as Protocols."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from domain.assets import Asset, Catalogue, FixedRateTerms
from domain.changes import Announce
from domain.market.limits import Limits, PairLimits
from domain.market.network_fees import NetworkFee, NetworkFeeRule


class Switch(StrEnum):
    """A setting of the whole installation that is on or off."""

    MAINTENANCE = "maintenance"
    FIXED_RATES = "fixed_rates"
    REFUNDS = "refunds"


class PairSettings(msgspec.Struct, frozen=True):
    """A pair's own settings: whether it is enabled, and its own limits."""

    enabled: bool
    limits: PairLimits


class MarketSettings(Protocol):
    """The operator's settings of assets, pairs, fees, limits and switches.

    Each method raises Unavailable, and NotFound for an asset, pair or network that does not exist.
    """

    async def catalogue(self) -> Catalogue:
        """Return the catalogue that the workers read from these settings."""

    async def set_asset_enabled(self, code: str, *, enabled: bool) -> None:
        """List an asset or take it off the list."""

    async def pairs(self) -> Mapping[tuple[str, str], PairSettings]:
        """Return the pairs with settings of their own, by (source code, destination code)."""

    async def set_pair_enabled(self, pair: tuple[str, str], *, enabled: bool) -> None:
        """Enable or disable a pair."""

    async def fees(self) -> Mapping[str, int]:
        """Return the service fee of each network in basis points, without the spread."""

    async def set_fee(self, network: str, fee_bps: int) -> str:
        """Set a network's service fee; return the network's name in its own spelling."""

    async def spread(self) -> int:
        """Return the spread in basis points."""

    async def set_spread(self, spread_bps: int) -> None:
        """Set the spread."""

    async def set_network_fee(self, asset: Asset, units: int) -> None:
        """Set an asset's network fee in its smallest units."""

    async def network_fees(self) -> Sequence[NetworkFee]:
        """Return the network fees of all assets, in the operator's order."""

    async def network_fee_rule(self) -> NetworkFeeRule:
        """Return how network fees follow estimates."""

    async def set_network_fee_rule(self, rule: NetworkFeeRule) -> None:
        """Set how network fees follow estimates."""

    async def set_min_deposit(self, asset: Asset, units: int) -> None:
        """Set the least deposit of an asset that counts, in its smallest units."""

    async def set_fixed_rate_terms(self, terms: FixedRateTerms) -> None:
        """Set the terms of fixed rates, the time to confirm in whole minutes."""

    async def limits(self) -> Limits:
        """Return the limits of all pairs, the caps and the pairs' own limits."""

    async def set_limits(self, limits: Limits) -> None:
        """Set the limits of all pairs and the caps; the pairs' own limits stay."""

    async def set_pair_limits(self, pair: tuple[str, str], limits: PairLimits) -> None:
        """Set a pair's own limits."""

    async def set_regions_blocked(self, regions: Sequence[str], *, blocked: bool) -> None:
        """Block regions, or allow them again; those that are so already stay."""

    async def set_switch(self, switch: Switch, *, on: bool) -> None:
        """Turn a switch on or off."""


class Reserve(msgspec.Struct, frozen=True):
    """An asset's reserve and the part of it promised to open orders, in smallest units."""

    asset: Asset
    amount: int
    promised: int

    @property
    def available(self) -> int:
        """Return what is left for new orders."""
        return max(self.amount - self.promised, 0)


class ReserveRepository(Protocol):
    """The payout reserves. Each method raises Unavailable."""

    async def reserves(self, catalogue: Catalogue) -> Sequence[Reserve]:
        """Return the reserves that are set."""

    async def set(self, asset: Asset, units: int | None) -> None:
        """Set an asset's reserve in smallest units; None removes it: the asset is unlimited."""


class MarketPorts(msgspec.Struct, frozen=True):
    """What the operator's actions on the market need."""

    settings: MarketSettings
    reserves: ReserveRepository
    announce: Announce
