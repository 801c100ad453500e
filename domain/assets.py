"""Assets, the pairs that can be swapped, and the catalogue of both."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

import msgspec

from domain.asset_reference import (
    DESTINATION,
    SOURCE,
    AssetIndex,
    AssetReference,
    AssetSelector,
)
from domain.errors import InvalidRequest, NothingToSwap
from domain.reasons import Reason


class Asset(msgspec.Struct, frozen=True, gc=False):
    """A coin on one network.

    `precision` is its number of decimals on the wire. A payout of it costs `network_fee`, in units
    of 10^-precision (see domain/market/network_fees.py), and `fee_bps`, the service fee in basis
    points of the swap. Outside the sandbox it is `receivable` and `sendable` only if settlement is
    connected to its network. `chain` is the wire's name of its network, and `chain_id` that of
    EIP-155 (None for chains that have none). `contract` is a token's contract, mint or issued
    currency in the notation of its chain; None for the chain's own coin.
    A deposit below `min_deposit` counts only if it is the agreed amount; a payment below
    `dust_limit` does not reach every address, which is 0 for tokens. Both are in units of
    10^-precision.
    """

    code: str
    coin: str
    network: str
    name: str
    precision: int
    network_fee: int
    fee_bps: int
    aggregator_code: str | None = None
    tag_name: str | None = None
    receivable: bool = True
    sendable: bool = True
    enabled: bool = True
    logo: str | None = None
    color: str | None = None
    min_deposit: int = 0
    dust_limit: int = 0
    chain: str = ""
    chain_id: int | None = None
    contract: str | None = None
    confirmations: int = 0
    """The confirmations that a deposit of it needs."""
    explorer: str | None = None
    """A page of a transaction of its network, with `{}` for the transaction's id, or None."""

    def explorer_url(self, tx_id: str | None) -> str | None:
        """Return the page of a transaction; None without one, and for networks without pages."""
        return None if tx_id is None or self.explorer is None else self.explorer.format(tx_id)

    @property
    def least_payment(self) -> int:
        """Return the least amount that can be sent: at least one unit, and not dust."""
        return max(self.dust_limit, 1)

    def refundable(self, received: int) -> int:
        """Return what can be sent back of an amount: less the network fee, 0 if too little remains.

        Both are in units of 10^-precision.
        """
        remaining = received - self.network_fee
        return remaining if remaining >= self.least_payment else 0

    def refund_problem(self, received: int) -> str | None:
        """Return why an amount cannot be sent back; None if it can."""
        if self.refundable(received):
            return None
        return (
            "too little remains of the deposit: it does not cover the network fee of its refund, "
            "or the refund would be below the dust limit of its network"
        )


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """The minimum and maximum value of an order of a pair, in units of 10^-18 USD."""

    min_usd: int
    max_usd: int


class Pair(msgspec.Struct, frozen=True, gc=False):
    """A source and a destination asset that can be swapped, and the pair's bounds."""

    source: Asset
    destination: Asset
    bounds: Bounds


class Switches(msgspec.Struct, frozen=True, gc=False):
    """The operator's switches for the whole installation."""

    maintenance: bool = False
    fixed_rates: bool = False
    refunds: bool = False


class Excess(StrEnum):
    """What happens to what exceeds the agreed amount of an order at a fixed rate."""

    WORSE_RATE = "worse_rate"
    """It is settled at the worse of the fixed and the live rate."""
    REFUND = "refund"
    """It is sent to the refund address, less the network fee, unless too little would remain."""


class FixedRateTerms(msgspec.Struct, frozen=True, gc=False):
    """The operator's terms of fixed rates.

    `premium_bps` is added to the service fee. A deposit observed before expiry has to be confirmed
    within `confirm_within` after expiry. `excess` applies when the deposits are confirmed.
    """

    premium_bps: int = 0
    confirm_within: timedelta = timedelta(hours=3)
    excess: Excess = Excess.WORSE_RATE


class Catalogue:
    """All assets and pair settings at one moment: immutable, replaced as a whole."""

    def __init__(
        self,
        *,
        assets: Mapping[str, Asset],
        disabled_pairs: frozenset[tuple[str, str]],
        default_bounds: Bounds,
        pair_bounds: Mapping[tuple[str, str], Bounds],
        switches: Switches,
        fixed_rate_terms: FixedRateTerms | None = None,
        restricted_regions: frozenset[str] = frozenset(),
        sandbox: bool = False,
        valid_seconds: float | None = None,
    ) -> None:
        """`sandbox` is True where no real money is involved.

        `restricted_regions` are those where swaps are not offered (domain/market/regions.py).
        `valid_seconds` after it was read, estimates of network fees in it are too old; None
        without any.
        """
        self.assets = assets
        self.valid_seconds = valid_seconds
        self.switches = switches
        self.fixed_rate_terms = fixed_rate_terms or FixedRateTerms()
        self.restricted_regions = restricted_regions
        self.disabled_pairs = disabled_pairs
        self.sandbox = sandbox
        self._default_bounds = default_bounds
        self._pair_bounds = pair_bounds
        self._index = AssetIndex(assets.values())
        self._pairs = {
            (source.code, destination.code): Pair(
                source=source,
                destination=destination,
                bounds=self.bounds(source.code, destination.code),
            )
            for source in assets.values()
            for destination in assets.values()
            if source.code != destination.code
            and source.enabled
            and source.receivable
            and destination.enabled
            and destination.sendable
            and (source.code, destination.code) not in disabled_pairs
        }

    @property
    def pairs(self) -> Mapping[tuple[str, str], Pair]:
        """Return the pairs that can be swapped now, by (source code, destination code)."""
        return self._pairs

    def pair(self, source: AssetSelector, destination: AssetSelector) -> Pair:
        """Return the pair; raise InvalidRequest if it or an asset is unknown or disabled."""
        if isinstance(source, str) and isinstance(destination, str):
            pair = self._pairs.get((source, destination))
        else:
            found = self.find(source), self.find(destination)
            pair = self._pairs.get((_code(found[0]), _code(found[1])))
        if pair is None:
            raise self._unsupported(source, destination)
        return pair

    def _unsupported(self, source: AssetSelector, destination: AssetSelector) -> InvalidRequest:
        """Return the error of a pair that cannot be swapped: which asset is unknown or disabled."""
        message = f"no pair {source!r} to {destination!r}"
        for asset, fields in ((source, SOURCE), (destination, DESTINATION)):
            field = fields.naming(asset)
            found = self.find(asset)
            if found is None or not found.enabled:
                return InvalidRequest(message, field=field, reason=Reason.ASSET_UNSUPPORTED)
        return InvalidRequest(message, field=field, reason=Reason.PAIR_UNSUPPORTED)

    def find(self, asset: AssetSelector) -> Asset | None:
        """Return the asset, enabled or not; None if there is none."""
        if isinstance(asset, AssetReference):
            return self._index.find(asset)
        return self.assets.get(asset)

    def check_any_pair(self) -> None:
        """Raise NothingToSwap if no pair at all can be swapped."""
        if not self._pairs:
            raise NothingToSwap("no pair of assets that can be received and sent is enabled")

    def bounds(self, source: str, destination: str) -> Bounds:
        """Return the bounds of two assets, whether or not the pair is enabled."""
        return self._pair_bounds.get((source, destination), self._default_bounds)

    def active_assets(self) -> list[Asset]:
        """Return the enabled assets that can be received or sent, in the operator's order."""
        return [
            asset
            for asset in self.assets.values()
            if asset.enabled and (asset.receivable or asset.sendable)
        ]


def _code(asset: Asset | None) -> str:
    """Return an asset's code; no asset has the empty one."""
    return "" if asset is None else asset.code
