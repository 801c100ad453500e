"""The operator's settings of the market, changed at any time: limits, fees, reserves, pauses."""

from random import Random
from typing import Final

from domain.actions.operator.market.fees import set_fee, set_network_fee, set_spread
from domain.actions.operator.market.fixed_rates import set_fixed_rate_terms, set_min_deposit
from domain.actions.operator.market.limits import LimitsChange, set_limits
from domain.actions.operator.market.pairs import set_pair_enabled
from domain.actions.operator.market.ports import MarketPorts, Switch
from domain.actions.operator.market.reserves import set_reserve
from domain.actions.operator.market.switches import set_switch
from domain.assets import Excess
from domain.money import format_units
from persistence.postgres.market.reserves import PostgresReserveRepository
from persistence.postgres.market.settings import PostgresMarketSettings
from tests.simulation.chains.families import ACCOUNTS, OUTPUTS
from tests.simulation.world.attempts import Attempt
from tests.simulation.world.customers import CODES
from tests.simulation.world.market import SimulatedMarket
from tests.simulation.world.storage import ProcessDatabase

RESERVES: Final = {"eth": "0.5", "usdt_erc20": "2000", "ltc": "30"}
"""Reserves that cover some orders only."""
NETWORK_FEES: Final = {
    "eth": ("0.0005", "0.002"),
    "usdt_erc20": ("1", "8"),
    "ltc": ("0.001", "0.02"),
}
MIN_DEPOSITS: Final = {
    "eth": ("0.0001", "0.01"),
    "usdt_erc20": ("0.1", "25"),
    "ltc": ("0.001", "0.3"),
}
ON_AT_THE_END: Final = {Switch.MAINTENANCE: False, Switch.FIXED_RATES: True, Switch.REFUNDS: True}


class MarketOperator:
    """Changes of the settings; every process adopts them at once, as after a notification."""

    def __init__(
        self, attempt: Attempt, admin: ProcessDatabase, market: SimulatedMarket, random: Random
    ) -> None:
        self._attempt = attempt
        self._market = market
        self._random = random
        self._settings = PostgresMarketSettings(admin)
        self._ports = MarketPorts(
            settings=self._settings,
            reserves=PostgresReserveRepository(admin),
            announce=self._announce,
        )

    async def act(self) -> str:
        """Change one setting."""
        commands = (self._limits, self._fees, self._reserve, self._min_deposit, self._switch)
        return await self._random.choice((*commands, self._pair, self.change_terms))()

    async def restore(self) -> None:
        """Remove what keeps orders and refunds from being paid out, high network fees included."""
        for switch, on in ON_AT_THE_END.items():
            await self._attempt(set_switch(self._ports, switch, on=on))
        for code in CODES:
            await self._attempt(set_reserve(self._ports, code, "none"))
            precision = self._market.catalogue.assets[code].precision
            least = format_units(min(self._market.network_fees[code]), precision)
            await self._attempt(set_network_fee(self._ports, code, least))

    async def _announce(self) -> None:
        self._market.adopt(await self._settings.catalogue())

    async def _limits(self) -> str:
        least, most = self._random.choice((("1", "5000"), ("10", "5000"), ("50", "500")))
        change = LimitsChange(min_usd=least, max_usd=most)
        return f"limits set {least} {most}: {await self._attempt(set_limits(self._ports, change))}"

    async def _fees(self) -> str:
        random = self._random
        code = random.choice(CODES)
        amount = random.choice(NETWORK_FEES[code])
        network, bps = random.choice((ACCOUNTS, OUTPUTS)), random.choice((0, 50, 300))
        what, work = random.choice(
            (
                (
                    f"network-fee set {code} {amount}",
                    lambda: set_network_fee(self._ports, code, amount),
                ),
                (f"fee set {network} {bps}", lambda: set_fee(self._ports, network, bps)),
                (f"spread set {bps}", lambda: set_spread(self._ports, bps)),
            )
        )
        return f"{what}: {await self._attempt(work())}"

    async def _reserve(self) -> str:
        code = self._random.choice(CODES)
        amount = self._random.choice(("none", RESERVES[code]))
        work = set_reserve(self._ports, code, amount)
        return f"reserve {code} {amount}: {await self._attempt(work)}"

    async def _min_deposit(self) -> str:
        code = self._random.choice(CODES)
        amount = self._random.choice(MIN_DEPOSITS[code])
        work = set_min_deposit(self._ports, code, amount)
        return f"min-deposit {code} {amount}: {await self._attempt(work)}"

    async def change_terms(self) -> str:
        """Change the terms of fixed rates."""
        random = self._random
        premium_bps, minutes = random.choice((0, 30)), random.choice((5, 180))
        excess = random.choice((Excess.WORSE_RATE, Excess.REFUND, Excess.REFUND))
        work = set_fixed_rate_terms(
            self._ports, premium_bps=premium_bps, confirm_minutes=minutes, excess=excess
        )
        terms = f"{premium_bps} bps, {minutes} minutes, {excess.value}"
        return f"fixed-rate set {terms}: {await self._attempt(work)}"

    async def _switch(self) -> str:
        switch = self._random.choice(list(Switch))
        on = self._random.random() < (0.2 if switch is Switch.MAINTENANCE else 0.7)
        return f"{switch.value} {on}: {await self._attempt(set_switch(self._ports, switch, on=on))}"

    async def _pair(self) -> str:
        source, destination = self._random.sample(CODES, 2)
        enabled = self._random.random() < 0.8
        work = set_pair_enabled(self._ports, (source, destination), enabled=enabled)
        return f"pair {source} {destination} {enabled}: {await self._attempt(work)}"
