"""An order as the operator sees it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from domain.order_object import OrderOut, order_out
from domain.orders import Order
from gateway.cli.frame import Failure


class OperatorOrderOut(OrderOut, frozen=True, kw_only=True):
    """The order object of the contract and what only the operator sees; never the token.

    Deposit, payout and refund are `from.tx`, `to.tx` and `back.tx`. `partnerEmail` is missing where
    the command's role may not read it.
    """

    state: str
    partner_id: UUID = msgspec.field(name="partnerId")
    partner_email: str | UnsetType = msgspec.field(default=UNSET, name="partnerEmail")
    code_id: UUID | None = msgspec.field(name="codeId")
    fee_bps: int = msgspec.field(name="feeBps")


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
    )


def for_people(order: OperatorOrderOut) -> dict[str, Any]:
    """Return an order's fields with its moments spelled out in local time."""
    fields: dict[str, Any] = msgspec.to_builtins(order)
    for name in ("reg", "expiration", "update", "finish"):
        fields["time"][name] = _moment(fields["time"][name])
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
