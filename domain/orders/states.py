"""The states of an order, and the status its partner sees (contract, section 6)."""

from enum import StrEnum


class RateType(StrEnum):
    """Whether the rate follows the market until the deposit is confirmed, or is guaranteed."""

    FLOAT = "float"
    FIXED = "fixed"


class State(StrEnum):
    """The internal state of an order."""

    AWAITING_DEPOSIT = "awaiting_deposit"
    CONFIRMING = "confirming"
    PAYING_OUT = "paying_out"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    HELD = "held"
    REFUNDING = "refunding"


class Status(StrEnum):
    """The status of an order that its partner sees."""

    NEW = "NEW"
    PENDING = "PENDING"
    EXCHANGE = "EXCHANGE"
    DONE = "DONE"
    EXPIRED = "EXPIRED"
    EMERGENCY = "EMERGENCY"


STATUS_OF = {
    State.AWAITING_DEPOSIT: Status.NEW,
    State.CONFIRMING: Status.PENDING,
    State.PAYING_OUT: Status.EXCHANGE,
    State.COMPLETED: Status.DONE,
    State.EXPIRED: Status.EXPIRED,
    State.CANCELLED: Status.EXPIRED,
    State.REFUNDED: Status.EXPIRED,
    State.HELD: Status.EMERGENCY,
    State.REFUNDING: Status.EMERGENCY,
}


class Outcome(StrEnum):
    """How an order ended, as its partner sees it; an order that is open has none."""

    COMPLETED = "COMPLETED"
    REFUNDED = "REFUNDED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


OUTCOME_OF = {
    State.COMPLETED: Outcome.COMPLETED,
    State.REFUNDED: Outcome.REFUNDED,
    State.EXPIRED: Outcome.EXPIRED,
    State.CANCELLED: Outcome.CANCELLED,
}

FINAL = frozenset({State.COMPLETED, State.EXPIRED, State.CANCELLED, State.REFUNDED})

DEPOSITS_CLOSED = FINAL - {State.EXPIRED} | {State.PAYING_OUT, State.REFUNDING}
"""States in which another deposit is late."""

NOT_PAID_OUT = frozenset({State.CONFIRMING, State.EXPIRED, State.HELD, State.PAYING_OUT})
"""States with deposits and no payout yet."""


class Emergency(StrEnum):
    """Why an order is held."""

    LIMIT = "LIMIT"
    EXPIRED = "EXPIRED"


class Choice(StrEnum):
    """What the partner or the operator chose for a held order."""

    NONE = "NONE"
    EXCHANGE = "EXCHANGE"
    REFUND = "REFUND"
