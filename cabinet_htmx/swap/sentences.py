"""The messages that the swap and order pages show for errors and states."""

from collections.abc import Mapping
from typing import Final

from domain import errors
from domain.market.pricing import QuoteProblem
from domain.orders.order import Order
from domain.orders.states import Choice, State

MAINTENANCE: Final = "New swaps are paused for maintenance. Existing orders continue."
NO_PRICES: Final = "Prices are temporarily unavailable. Try again in a few minutes."
NOTHING_TO_SWAP: Final = (
    "No coins can be swapped here at the moment. Existing orders continue. Try again later."
)
UNAVAILABLE: Final = (
    "Part of our service cannot be reached at the moment. Existing orders continue. Try again in a "
    "few minutes."
)
TOO_MANY_REQUESTS: Final = "Too many requests from your network. Wait a moment, then try again."
NO_PAIR: Final = "This pair is currently unavailable. Choose another pair."
INVALID_AMOUNT: Final = "Enter a number such as {example}, with up to {decimals} decimal places."
BELOW_NETWORK_FEE: Final = "Amount too small to cover the network fee."
DAILY_VOLUME_REACHED: Final = (
    "This amount exceeds today's remaining volume. Try a smaller amount, or try again tomorrow."
)
PRICE_CHANGED: Final = "This is the current price. Review it and confirm again."
TOO_MANY_UNPAID: Final = (
    "Too many orders are waiting for a deposit. Pay one of yours, or try again in half an hour."
)
INCOMPLETE: Final = (
    "The form was incomplete, and nothing was changed. Reload the page and try again."
)
NOT_CREATED: Final = "The order could not be created, and nothing was charged. Try again."
ALREADY_SUBMITTED: Final = (
    "This form was already submitted with different details. Review and submit it again."
)

_PROBLEMS: Final[dict[type[errors.DomainError], str]] = {
    errors.Maintenance: MAINTENANCE,
    errors.RatesUnavailable: NO_PRICES,
    errors.NothingToSwap: NOTHING_TO_SWAP,
    errors.Unavailable: UNAVAILABLE,
    errors.RateLimited: TOO_MANY_REQUESTS,
    errors.InvalidCommand: INCOMPLETE,
    errors.IdempotencyConflict: ALREADY_SUBMITTED,
    errors.QuoteInvalid: PRICE_CHANGED,
    errors.ReserveExceeded: "This amount exceeds our current reserve of this coin. Try a "
    "smaller amount or another coin.",
    errors.UnpaidCapExceeded: TOO_MANY_UNPAID,
    errors.BelowMinimum: "The amount is below the minimum for this pair.",
    errors.AboveMaximum: "The amount is above the current maximum.",
}


def problem(error: errors.DomainError) -> str:
    """Return the message that explains an error to a customer."""
    return _text_of(error, _PROBLEMS, otherwise=NOT_CREATED)


_HEADINGS: Final[dict[type[errors.DomainError], str]] = {
    errors.Maintenance: "Paused for maintenance",
    errors.NothingToSwap: "No swaps at the moment",
    errors.Unavailable: "Temporarily unavailable",
    errors.RateLimited: "Too many requests",
}


def heading(error: errors.DomainError) -> str:
    """Return the heading of the page that explains an error."""
    return _text_of(error, _HEADINGS, otherwise="Something went wrong")


def _text_of(
    error: errors.DomainError, texts: Mapping[type[errors.DomainError], str], *, otherwise: str
) -> str:
    """Return the text of an error's class, or of its nearest base class that has one."""
    return next((texts[kind] for kind in type(error).__mro__ if kind in texts), otherwise)


def quote_problem(problem: QuoteProblem, *, minimum: str, maximum: str | None) -> str:
    """Return the message for a problem of a quote, with the limit that it violates.

    `maximum` is None if the amount is below the pair's maximum: the daily volume is exceeded.
    """
    if problem is QuoteProblem.LIMIT_MIN:
        return f"The minimum is {minimum}."
    if problem is QuoteProblem.LIMIT_MAX:
        return f"The maximum is {maximum}." if maximum is not None else DAILY_VOLUME_REACHED
    return _PROBLEMS[errors.ReserveExceeded]


HEADLINES: Final = {
    State.AWAITING_DEPOSIT: "Waiting for your deposit",
    State.CONFIRMING: "Deposit detected, waiting for confirmations",
    State.PAYING_OUT: "Exchange complete, sending your payout",
    State.COMPLETED: "Done: your payout has been sent",
    State.EXPIRED: "Expired: no deposit was received in time",
    State.CANCELLED: "Cancelled",
    State.REFUNDED: "Refunded: your refund has been sent",
    State.HELD: "Action required: your order is on hold",
    State.REFUNDING: "On hold: your refund is being sent",
}

CHOSEN: Final = {
    Choice.EXCHANGE: "You chose to exchange at the current rate. The exchange is in progress.",
    Choice.REFUND: "You chose a refund. The refund is in progress.",
}


def headline(order: Order) -> str:
    """Return the headline that describes an order's state."""
    if order.state is State.HELD and order.choice is not Choice.NONE:
        return "On hold: your choice is being processed"
    if order.state is State.EXPIRED and order.deposits.unconfirmed:
        return "A late deposit is being confirmed"
    return HEADLINES[order.state]
