"""Assets, the networks they live on, and the pairs that may be swapped."""

from collections.abc import Mapping

import msgspec

from domain.errors import InvalidRequest


class Asset(msgspec.Struct, frozen=True, gc=False):
    """A coin on one network.

    `precision` is its number of decimals on the wire; `network_fee` and `fee_bps` are what a payout
    of it costs: the first in units of 10^-precision, the second in basis points of the swap.
    Outside the sandbox `receivable` and `sendable` are at most what settlement is connected to.
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


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """What an order of a pair may be worth, in units of 10^-18 USD."""

    min_usd: int
    max_usd: int


class Pair(msgspec.Struct, frozen=True, gc=False):
    """A source and a destination asset that may be swapped, and the pair's bounds."""

    source: Asset
    destination: Asset
    bounds: Bounds


class Switches(msgspec.Struct, frozen=True, gc=False):
    """What the operator turns on and off for the whole installation."""

    maintenance: bool = False
    fixed_rates: bool = False
    refunds: bool = False


class Catalogue:
    """All assets and pair settings at one moment; immutable, replaced as a whole."""

    def __init__(
        self,
        *,
        assets: Mapping[str, Asset],
        disabled_pairs: frozenset[tuple[str, str]],
        default_bounds: Bounds,
        pair_bounds: Mapping[tuple[str, str], Bounds],
        switches: Switches,
        sandbox: bool = False,
    ) -> None:
        """Take the tables; `sandbox` tells whether the money in them is play money."""
        self.assets = assets
        self.switches = switches
        self.sandbox = sandbox
        self._default_bounds = default_bounds
        self._pair_bounds = pair_bounds
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
        """Pairs that may be swapped now, by (source code, destination code)."""
        return self._pairs

    def pair(self, source: str, destination: str) -> Pair:
        """Return the pair; raise InvalidRequest where an asset or the pair is unknown or off."""
        pair = self._pairs.get((source, destination))
        if pair is None:
            raise InvalidRequest(f"no pair {source!r} to {destination!r}")
        return pair

    def bounds(self, source: str, destination: str) -> Bounds:
        """Return what an order of the two may be worth, whether or not the pair is on."""
        return self._pair_bounds.get((source, destination), self._default_bounds)

    def active_assets(self) -> list[Asset]:
        """Return the assets that are listed, in the operator's order: those that do something."""
        return [
            asset
            for asset in self.assets.values()
            if asset.enabled and (asset.receivable or asset.sendable)
        ]
