"""Firm quotes of the API, and the limits that they state."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.clients.adapters.cake.api import SwapgateApi
from tests.clients.adapters.cake.currencies import Asset, Assets, CryptoCurrency


class UnsupportedPair(Exception):
    """One of the currencies, or their combination, is not offered."""


@dataclass(frozen=True)
class Swap:
    """Two assets, the kind of rate, and the side whose amount the user enters."""

    source: Asset
    destination: Asset
    is_fixed: bool
    is_receive_amount: bool

    @property
    def direction(self) -> str:
        """The side that amounts refer to, as requests name it."""
        return "to" if self.is_receive_amount else "from"

    @property
    def entered(self) -> Asset:
        """The asset of that side."""
        return self.destination if self.is_receive_amount else self.source


@dataclass(frozen=True)
class Quote:
    """A response of /v1/quote."""

    swap: Swap
    data: dict[str, Any]

    @property
    def problems(self) -> list[str]:
        """Why no order can be opened; empty if one can."""
        return [problem["type"] for problem in self.data["problems"]]

    @property
    def rate(self) -> Decimal:
        """What one unit sent yields, all fees included."""
        return Decimal(self.data["to"]["amount"]) / Decimal(self.data["from"]["amount"])

    @property
    def max(self) -> str | None:
        """The pair's maximum on the entered side; None without rates."""
        found: str | None = self.data[self.swap.direction]["max"]
        return found

    def limit(self, problem: str) -> Decimal | None:
        """Return the limit on the entered side that a problem states, or None without it."""
        for one in self.data["problems"]:
            if one["type"] == problem:
                return Decimal(one[f"{self.swap.direction}Limit"])
        return None


class Quotes:
    """Requests quotes for one partner."""

    def __init__(self, api: SwapgateApi) -> None:
        self._api = api

    def swap(
        self,
        from_: CryptoCurrency,
        to: CryptoCurrency,
        *,
        is_fixed: bool,
        is_receive_amount: bool,
    ) -> Swap:
        """Return the swap of two currencies. Raises UnsupportedPair."""
        assets = Assets(self._api.unsigned("/currencies", {}))
        source, destination = assets.find(from_), assets.find(to)
        if source is None or destination is None:
            raise UnsupportedPair(f"{from_.title} to {to.title}")
        return Swap(source, destination, is_fixed, is_receive_amount)

    def quote(self, swap: Swap, amount: Decimal | str) -> Quote:
        """Return a quote of an amount on the entered side. Raises ApiError."""
        wanted = {
            "type": "fixed" if swap.is_fixed else "float",
            "fromCcy": swap.source.code,
            "toCcy": swap.destination.code,
            "direction": swap.direction,
            "amount": swap.entered.amount(amount),
        }
        return Quote(swap, self._api.signed("/quote", wanted))
