"""The simulated market: prices that move, and rates that may be missing for a while."""

from random import Random
from typing import Final

from domain.assets import Catalogue
from domain.market.rates import RateSnapshot
from gateway.runtime.market import LiveMarket
from tests.simulation.world.clock import ProcessClock

USD: Final = 10**18
START_PRICES: Final = {"ETH": 2_500 * USD, "LTC": 80 * USD, "USDT": USD, "USDC": USD}


class SimulatedMarket:
    """The prices of the world, and the markets of its processes that follow them."""

    def __init__(self, catalogue: Catalogue, random: Random) -> None:
        self.catalogue = catalogue
        self.network_fees: dict[str, set[int]] = {}
        """Every network fee that was in force, by asset, in smallest units."""
        self._record_fees()
        self.prices = dict(START_PRICES)
        self.is_published = True
        self._random = random
        self._followers: list[tuple[LiveMarket, ProcessClock]] = []

    def follow(self, clock: ProcessClock) -> LiveMarket:
        """Return the market of a new process."""
        market = LiveMarket(sandbox=self.catalogue.sandbox, unix_time=clock.unix_time)
        market.adopt_catalogue(self.catalogue)
        self._followers.append((market, clock))
        self.publish()
        return market

    def forget(self, market: LiveMarket) -> None:
        """Stop updating the market of a process that has ended."""
        self._followers = [one for one in self._followers if one[0] is not market]

    def move(self, *, at_most: float) -> None:
        """Change the prices of coins that are not pegged."""
        for coin in ("ETH", "LTC"):
            factor = 1 + self._random.uniform(-at_most, at_most)
            self.prices[coin] = int(self.prices[coin] * factor)

    def publish(self) -> None:
        """Let every process know the present prices, unless they are missing now."""
        if self.is_published:
            for market, clock in self._followers:
                market.adopt_snapshot(RateSnapshot(at=clock.unix_time(), prices=dict(self.prices)))

    def adopt(self, catalogue: Catalogue) -> None:
        """Let every process know a changed catalogue."""
        self.catalogue = catalogue
        self._record_fees()
        for market, _ in self._followers:
            market.adopt_catalogue(catalogue)

    def _record_fees(self) -> None:
        for code, asset in self.catalogue.assets.items():
            self.network_fees.setdefault(code, set()).add(asset.network_fee)
