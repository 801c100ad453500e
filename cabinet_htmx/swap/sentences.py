"""What visitors are told of facts and states, in sentences."""

from typing import Final

from domain import errors
from domain.market.pricing import QuoteProblem
from domain.orders.order import Order
from domain.orders.states import Choice, State

PAUSED: Final = "New swaps are paused for maintenance. Orders that are open already go on."
NO_PRICES: Final = (
    "There are no current prices at the moment, so nothing can be swapped. Please try again soon."
)
TOO_MANY: Final = (
    "That was a lot of requests from your network. Please wait a moment and try again."
)
NO_PAIR: Final = "This pair can't be swapped at the moment. Please choose another one."
UNREADABLE: Final = "Enter an amount in digits, such as {example}, with up to {decimals} decimals."
EATEN: Final = "Nothing would be left after the network fee. Please swap more."
USED_UP: Final = "Today's volume is nearly used up. Try a smaller amount, or come back tomorrow."
MOVED: Final = (
    "The market has moved since you last saw the price. Here is the new one: "
    "please look at it, and confirm again."
)
NOTHING_OPENED: Final = "The order couldn't be opened, and nothing was charged. Please try again."
TOO_LATE: Final = (
    "This form was sent before with other details. Please check them and send it again."
)

_PROBLEMS: Final[dict[type[errors.DomainError], str]] = {
    errors.Maintenance: PAUSED,
    errors.Unavailable: NO_PRICES,
    errors.RateLimited: TOO_MANY,
    errors.IdempotencyConflict: TOO_LATE,
    errors.ReserveExceeded: "We can't pay out that much of this coin right now. Try a smaller "
    "amount, or another coin.",
    errors.BelowMinimum: "The amount is below the minimum of this pair.",
    errors.AboveMaximum: "The amount is above what can be swapped at the moment.",
}


def problem(error: errors.DomainError) -> str:
    """Return what a visitor is told of a fact that stops something."""
    for kind in type(error).__mro__:
        if kind in _PROBLEMS:
            return _PROBLEMS[kind]
    return NOTHING_OPENED


def refusal(found: QuoteProblem, *, least: str, most: str | None) -> str:
    """Return what a quote would be refused for, with the numbers that would do.

    `most` is None for an amount below the maximum: then it is the day's volume that is exceeded.
    """
    if found is QuoteProblem.LIMIT_MIN:
        return f"The minimum is {least}."
    if found is QuoteProblem.LIMIT_MAX:
        return f"The maximum is {most}." if most is not None else USED_UP
    return _PROBLEMS[errors.ReserveExceeded]


HEADLINES: Final = {
    State.AWAITING_DEPOSIT: "Waiting for your deposit",
    State.CONFIRMING: "Deposit seen, waiting for confirmations",
    State.PAYING_OUT: "Exchanged, sending your coins",
    State.COMPLETED: "Done: your coins are on their way",
    State.EXPIRED: "Expired: no deposit arrived in time",
    State.CANCELLED: "Cancelled",
    State.REFUNDED: "Refunded: your deposit is on its way back",
    State.HELD: "On hold: your decision is needed",
}

CHOSEN: Final = {
    Choice.EXCHANGE: "You chose to exchange what arrived at the current rate. It is being done.",
    Choice.REFUND: "You chose a refund. It is being sent.",
}


def headline(order: Order) -> str:
    """Return an order's state in a few words."""
    if order.state is State.HELD and order.choice is not Choice.NONE:
        return "On hold: your decision is being carried out"
    if order.state is State.EXPIRED and order.deposits.unconfirmed:
        return "A deposit arrived late and is being confirmed"
    return HEADLINES[order.state]
