"""How orders are printed."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from domain.money import format_units
from domain.orders.deposits import Deposit
from domain.orders.order import Order
from domain.orders.wire import OrderOut, order_out
from gateway.cli.command import Failure
from gateway.cli.output import Row

NARROW = ("id", "status", "from", "to", "age")
"""The columns of a list in a narrow terminal."""

MINUTE, HOUR, DAY = 60, 3_600, 86_400


class DepositOut(msgspec.Struct, frozen=True, kw_only=True):
    """A deposit; `stray` if it came too late for its order to use it."""

    tx_id: str = msgspec.field(name="txId")
    amount: str
    seen_at: datetime = msgspec.field(name="seenAt")
    confirmed_at: datetime | None = msgspec.field(name="confirmedAt")
    late: bool = msgspec.field(name="stray")


class OperatorOrderOut(OrderOut, frozen=True, kw_only=True):
    """The order object of the contract with fields for the operator, and without the token.

    `state` is the internal state behind `status`. Payout and refund are `to.tx` and `back.tx`.
    `partnerEmail` is missing if the command's database role may not read it.
    """

    state: str
    partner_id: UUID = msgspec.field(name="partnerId")
    partner_email: str | UnsetType = msgspec.field(default=UNSET, name="partnerEmail")
    code_id: UUID | None = msgspec.field(name="codeId")
    fee_bps: int = msgspec.field(name="feeBps")
    deposits: list[DepositOut]


def operator_order_out(
    order: Order, *, now: datetime, partner_email: str | UnsetType = UNSET
) -> OperatorOrderOut:
    """Return an order as it is at `now`."""
    return OperatorOrderOut(
        **msgspec.structs.asdict(order_out(order, now=now)),
        state=order.state.value,
        partner_id=order.partner_id,
        partner_email=partner_email,
        code_id=order.code_id,
        fee_bps=order.fee_bps,
        deposits=[_deposit_out(deposit, order.source.precision) for deposit in order.deposits.all],
    )


def _deposit_out(deposit: Deposit, precision: int) -> DepositOut:
    return DepositOut(
        tx_id=deposit.tx_id,
        amount=format_units(deposit.amount, precision),
        seen_at=deposit.seen_at,
        confirmed_at=deposit.confirmed_at,
        late=deposit.late,
    )


def order_table(order: OperatorOrderOut) -> Row:
    """Return an order's fields as people see them, with times in local time."""
    fields: dict[str, Any] = msgspec.to_builtins(order)
    for name in ("reg", "expiration", "update", "finish"):
        fields["time"][name] = _local_time(fields["time"][name])
    fields["deposits"] = {
        str(number): _deposit_in_words(one) for number, one in enumerate(order.deposits, 1)
    }
    return fields


def order_row(order: OperatorOrderOut, *, now: datetime) -> Row:
    """Return an order's row in a list; `age` is the time since its last change."""
    source, destination = order.source, order.destination
    return {
        "id": order.id,
        "status": order.status,
        "from": f"{source.amount} {source.code}",
        "to": f"{destination.amount} {destination.code}",
        "age": _age(now.timestamp() - order.time.update),
        "state": order.state,
        "partner": order.partner_email,
        "late": ", ".join(one.amount for one in order.deposits if one.late),
    }


def parse_order_id(text: str) -> UUID:
    """Return an order's id; raise Failure for any other text."""
    try:
        return UUID(text)
    except ValueError:
        raise Failure(f"{text!r} is not an order's id: `swapgate order list` shows them") from None


def _deposit_in_words(deposit: DepositOut) -> str:
    confirmed = "confirmed" if deposit.confirmed_at else "unconfirmed"
    late = ", LATE" if deposit.late else ""
    return f"{deposit.amount}, {confirmed}{late}, {deposit.tx_id}"


def _local_time(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(" ")


def _age(seconds: float) -> str:
    whole = max(int(seconds), 0)
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if whole >= unit:
            return f"{whole // unit}{letter}"
    return f"{whole}s"
