"""Trades with the states that Cake shows, and what precedes them: limits and a request."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from tests.clients.adapters.cake.currencies import CryptoCurrency


class TradeState(StrEnum):
    """The states of Cake's trades that an order can have."""

    AWAITING = "awaiting"
    CONFIRMING = "confirming"
    EXCHANGING = "exchanging"
    WAITING_AUTHORIZATION = "waitingAuthorization"
    SUCCESS = "success"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    FAILED = "failed"
    PROCESSING = "processing"


_OPEN: Final = {
    "NEW": TradeState.AWAITING,
    "PENDING": TradeState.CONFIRMING,
    "EXCHANGE": TradeState.EXCHANGING,
    "EMERGENCY": TradeState.WAITING_AUTHORIZATION,
}
_ENDED: Final = {
    "COMPLETED": TradeState.SUCCESS,
    "REFUNDED": TradeState.REFUNDED,
    "EXPIRED": TradeState.EXPIRED,
    "CANCELLED": TradeState.FAILED,
}


def state_of(status: str, outcome: str | None) -> TradeState:
    """Return the state of an order; one with an unknown status is in progress."""
    if outcome is None:
        return _OPEN.get(status, TradeState.PROCESSING)
    return _ENDED.get(outcome, TradeState.FAILED)


@dataclass(frozen=True)
class Limits:
    """The least and the greatest amount, of the currency that the user enters."""

    min: Decimal
    max: Decimal


@dataclass(frozen=True)
class TradeRequest:
    """What the user confirmed: an amount to send, or at a fixed rate an amount to receive."""

    from_currency: CryptoCurrency
    to_currency: CryptoCurrency
    to_address: str
    refund_address: str
    from_amount: str = ""
    to_amount: str = ""


@dataclass(frozen=True)
class Trade:
    """An order, as Cake keeps it."""

    id: str
    provider: str
    state: TradeState
    amount: str
    receive_amount: str
    input_address: str
    extra_id: str | None
    refund_address: str
    payout_address: str
    output_transaction: str | None
    created_at: datetime
    expired_at: datetime
    is_refund: bool


def trade_of(order: dict[str, Any], provider: str) -> Trade:
    """Return an order of the API as a trade."""
    source, destination = order["from"], order["to"]
    state = state_of(order["status"], order["outcome"])
    return Trade(
        id=order["id"],
        provider=provider,
        state=state,
        amount=source["amount"],
        receive_amount=destination["amount"],
        input_address=source["address"],
        extra_id=source["tag"],
        refund_address=order["back"]["address"],
        payout_address=destination["address"],
        output_transaction=destination["tx"]["id"],
        created_at=datetime.fromtimestamp(order["time"]["reg"], UTC),
        expired_at=datetime.fromtimestamp(order["time"]["expiration"], UTC),
        is_refund=state is TradeState.REFUNDED,
    )


class TradeNotCreated(Exception):
    """No trade was opened: the message is the reason."""


class TradeNotFound(Exception):
    """The provider has no such trade."""
