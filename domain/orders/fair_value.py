"""Compare what an order pays out with what was exchanged for it, at current prices."""

from domain.market.rates import RateSnapshot
from domain.market.valuation import usd_value
from domain.money import BPS
from domain.orders.order import Order


def pays_too_much(order: Order, snapshot: RateSnapshot, *, tolerance_bps: int) -> bool:
    """Return whether a payout is worth more than what was exchanged, beyond the tolerance.

    Raises Unavailable where one of the two coins has no price.
    """
    source, destination = order.source, order.destination
    exchanged = usd_value(order.exchanged, snapshot.price(source.coin), source)
    due = usd_value(order.destination_amount, snapshot.price(destination.coin), destination)
    return due.usd() * BPS > exchanged.usd() * (BPS + tolerance_bps)
