"""The terms at which an order is settled now."""

from collections.abc import Callable

from domain.market.ports import Market
from domain.orders.order import Order
from domain.orders.terms import SettlementTerms


def settlement_terms(market: Market) -> Callable[[Order], SettlementTerms]:
    """Return a function of an order's terms at the current prices and settings.

    Raises Unavailable without fresh rates.
    """
    snapshot, catalogue = market.snapshot(), market.catalogue

    def of(order: Order) -> SettlementTerms:
        bounds = catalogue.bounds(order.source.code, order.destination.code)
        return SettlementTerms(snapshot, bounds, catalogue.fixed_rate_terms)

    return of
