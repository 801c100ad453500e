"""The order object of the wire contract, identical in API responses and in webhooks."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from domain.money import format_units
from domain.orders.order import Order
from domain.orders.states import FINAL, Choice, Emergency, RateType, Status
from domain.wire import (
    Amount,
    Bps,
    ChainId,
    ChainName,
    Contract,
    Identity,
    Rate,
    Token,
    UnixSeconds,
    one_of,
)

RESERVED_EMERGENCIES = ("LESS", "MORE")

StatusText = Annotated[str, one_of(Status, name="OrderStatus")]
_EMERGENCY_REASON = one_of(Emergency, also=RESERVED_EMERGENCIES, name="EmergencyReason")


class TimeOut(msgspec.Struct, frozen=True):
    """Times of an order in unix seconds; `left` until expiry, never negative, 0 once final."""

    reg: UnixSeconds
    expiration: UnixSeconds
    left: Annotated[int, msgspec.Meta(ge=0)]
    update: UnixSeconds
    finish: Annotated[
        UnixSeconds | None,
        msgspec.Meta(description="When the order became final; null while it is not."),
    ]


class TransactionOut(msgspec.Struct, frozen=True):
    """A transaction on a chain and its amount; null until there is one."""

    id: str | None
    amount: Amount | None


class OrderSideOut(msgspec.Struct, frozen=True):
    """One side of an order: asset, amount and the address it is sent to."""

    code: str
    network: str
    chain: ChainName
    chain_id: ChainId | None = msgspec.field(name="chainId")
    contract: Contract | None
    amount: Amount
    address: str
    tag: str | None
    tx: TransactionOut


class RefundTransactionOut(msgspec.Struct, frozen=True):
    """The refund's transaction; null until there is one."""

    id: str | None


class BackOut(msgspec.Struct, frozen=True):
    """The refund address and transaction."""

    address: str
    tx: RefundTransactionOut


class EmergencyOut(msgspec.Struct, frozen=True):
    """Why an order is held, and the choice. `LESS` and `MORE` are reserved."""

    status: tuple[Annotated[str, _EMERGENCY_REASON], ...]
    choice: Annotated[str, one_of(Choice, name="EmergencyChoice")]


class OrderOut(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its partner sees it."""

    id: Identity
    type: Annotated[str, one_of(RateType)]
    status: StatusText
    time: TimeOut
    source: OrderSideOut = msgspec.field(name="from")
    destination: OrderSideOut = msgspec.field(name="to")
    back: BackOut
    emergency: EmergencyOut
    rate: Rate
    network_fee: Amount = msgspec.field(name="networkFee")
    markup_bps: Bps = msgspec.field(name="markupBps")


class OpenedOrderOut(OrderOut, frozen=True, kw_only=True):
    """A created order: with its access token, or null for a repetition."""

    token: Token | None


def order_out(order: Order, *, now: datetime) -> OrderOut:
    """Return the order as its partner sees it at `now`."""
    return OrderOut(**_fields(order, now))


def opened_order_out(order: Order, token: str | None, *, now: datetime) -> OpenedOrderOut:
    """Return the order as the response to its creation."""
    return OpenedOrderOut(**_fields(order, now), token=token)


def _fields(order: Order, now: datetime) -> dict[str, Any]:
    source, destination, deposit = order.source, order.destination, order.received
    paid_out = order.payout_tx_id is not None
    destination_amount = format_units(order.destination_amount, destination.precision)
    return {
        "id": str(order.id),
        "type": order.rate_type.value,
        "status": order.status.value,
        "time": _times(order, now),
        "source": OrderSideOut(
            code=source.code,
            network=source.network,
            chain=source.chain,
            chain_id=source.chain_id,
            contract=source.contract,
            amount=format_units(order.source_amount, source.precision),
            address=order.pay_in_address,
            tag=order.pay_in_tag,
            tx=TransactionOut(
                deposit.tx_id if deposit else None,
                format_units(deposit.amount, source.precision) if deposit else None,
            ),
        ),
        "destination": OrderSideOut(
            code=destination.code,
            network=destination.network,
            chain=destination.chain,
            chain_id=destination.chain_id,
            contract=destination.contract,
            amount=destination_amount,
            address=order.destination_address,
            tag=order.destination_tag,
            tx=TransactionOut(order.payout_tx_id, destination_amount if paid_out else None),
        ),
        "back": BackOut(order.refund_address, RefundTransactionOut(order.refund_tx_id)),
        "emergency": EmergencyOut(
            tuple(reason.value for reason in order.emergency), order.choice.value
        ),
        "rate": str(order.rate),
        "network_fee": format_units(order.network_fee, destination.precision),
        "markup_bps": order.markup_bps,
    }


def seconds_left(order: Order, now: datetime) -> int:
    """Return `time.left`, the only field that changes with time alone."""
    if order.state in FINAL:
        return 0
    return max(int(order.expires_at.timestamp()) - int(now.timestamp()), 0)


def _times(order: Order, now: datetime) -> TimeOut:
    return TimeOut(
        reg=int(order.created_at.timestamp()),
        expiration=int(order.expires_at.timestamp()),
        left=seconds_left(order, now),
        update=int(order.updated_at.timestamp()),
        finish=int(order.finished_at.timestamp()) if order.finished_at else None,
    )
