"""An order as the operator sees it."""

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


class DepositOut(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a deposit; `stray` where it came too late for its order to do anything with it."""

    tx_id: str = msgspec.field(name="txId")
    amount: str
    seen_at: datetime = msgspec.field(name="seenAt")
    confirmed_at: datetime | None = msgspec.field(name="confirmedAt")
    stray: bool


class OperatorOrderOut(OrderOut, frozen=True, kw_only=True):
    """The order object of the contract and what only the operator sees; never the token.

    Payout and refund are `to.tx` and `back.tx`; the parts of the deposit are listed. `partnerEmail`
    is missing where the command's role may not read it.
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
    """Return the order as the operator sees it at `now`."""
    return OperatorOrderOut(
        **msgspec.structs.asdict(order_out(order, now=now)),
        state=order.state.value,
        partner_id=order.partner_id,
        partner_email=partner_email,
        code_id=order.code_id,
        fee_bps=order.fee_bps,
        deposits=[_deposit_out(part, order.source.precision) for part in order.deposits.all],
    )


def _deposit_out(part: Deposit, precision: int) -> DepositOut:
    return DepositOut(
        tx_id=part.tx_id,
        amount=format_units(part.amount, precision),
        seen_at=part.seen_at,
        confirmed_at=part.confirmed_at,
        stray=part.late,
    )


def for_people(order: OperatorOrderOut) -> dict[str, Any]:
    """Return an order's fields with its moments spelled out in local time."""
    fields: dict[str, Any] = msgspec.to_builtins(order)
    for name in ("reg", "expiration", "update", "finish"):
        fields["time"][name] = _moment(fields["time"][name])
    fields["deposits"] = {
        one.tx_id: f"{one.amount}, {'confirmed' if one.confirmed_at else 'unconfirmed'}"
        + (", STRAY" if one.stray else "")
        for one in order.deposits
    }
    return fields


def one_line(order: OperatorOrderOut) -> dict[str, object]:
    """Return an order's line in a list for people."""
    source, destination = order.source, order.destination
    return {
        "id": order.id,
        "state": order.state,
        "partner": order.partner_email,
        "from": f"{source.amount} {source.code}",
        "to": f"{destination.amount} {destination.code}",
        "updated": _moment(order.time.update),
        "stray": ", ".join(one.amount for one in order.deposits if one.stray),
    }


def parse_order_id(text: str) -> UUID:
    """Return an order's id; raise Failure for what can't be one."""
    try:
        return UUID(text)
    except ValueError:
        raise Failure(f"{text!r} is not an order's id: `swapgate order list` shows them") from None


def _moment(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(" ")
