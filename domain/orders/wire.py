"""The order object of the wire contract, identical in API responses and in webhooks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from domain.money import format_units
from domain.orders.order import Order
from domain.orders.states import (
    FINAL,
    OUTCOME_OF,
    Choice,
    Emergency,
    Outcome,
    RateType,
    State,
    Status,
)
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


class TimeOut(msgspec.Struct, frozen=True, gc=False):
    """Times of an order in unix seconds; `left` until expiry, never negative, 0 once final."""

    reg: UnixSeconds
    expiration: UnixSeconds
    left: Annotated[int, msgspec.Meta(ge=0)]
    update: UnixSeconds
    finish: Annotated[
        UnixSeconds | None,
        msgspec.Meta(description="When the order became final; null while it is not."),
    ]


class TransactionOut(msgspec.Struct, frozen=True, gc=False):
    """A transaction on a chain, its amount and its page in a public block explorer.

    Null until there is one. `explorer` is also null in the sandbox and on test networks.
    """

    id: str | None
    amount: Amount | None
    explorer: str | None


class OrderSideOut(msgspec.Struct, frozen=True, gc=False):
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


class SourceSideOut(OrderSideOut, frozen=True, gc=False):
    """The side that the end user sends, with the confirmations of the deposit.

    `confirmations` is null without a deposit, and is counted up to `confirmationsRequired`. Of
    several deposits it is the one with fewest.
    """

    confirmations: Annotated[int, msgspec.Meta(ge=0)] | None
    confirmations_required: Annotated[int, msgspec.Meta(ge=0)] = msgspec.field(
        name="confirmationsRequired"
    )


class RefundTransactionOut(msgspec.Struct, frozen=True, gc=False):
    """The refund's transaction and its page in a block explorer; null until there is one."""

    id: str | None
    explorer: str | None


class BackOut(msgspec.Struct, frozen=True, gc=False):
    """The refund address, its tag, and the refund's transaction."""

    address: str
    tx: RefundTransactionOut
    tag: str | None


class EmergencyOut(msgspec.Struct, frozen=True, gc=False):
    """Why an order is held, and the choice. `LESS` and `MORE` are reserved."""

    status: tuple[Annotated[str, _EMERGENCY_REASON], ...]
    choice: Annotated[str, one_of(Choice, name="EmergencyChoice")]


OutcomeOut = Annotated[str, one_of(Outcome, name="OrderOutcome")] | None
"""How an order ended; null while it is open."""


class OrderOut(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as its partner sees it.

    `code` is the reference code it is attributed to; `externalId` and `metadata` are what its
    partner sent. `statusUrl` is its public page; null where the pages have no public address.
    """

    id: Identity
    type: Annotated[str, one_of(RateType)]
    status: StatusText
    time: TimeOut
    source: SourceSideOut = msgspec.field(name="from")
    destination: OrderSideOut = msgspec.field(name="to")
    back: BackOut
    emergency: EmergencyOut
    rate: Rate
    network_fee: Amount = msgspec.field(name="networkFee")
    markup_bps: Bps = msgspec.field(name="markupBps")
    outcome: OutcomeOut
    code: str | None
    external_id: str | None = msgspec.field(name="externalId")
    metadata: Mapping[str, str] | None
    status_url: str | None = msgspec.field(name="statusUrl")


class OpenedOrderOut(OrderOut, frozen=True, kw_only=True, gc=False):
    """A created order: with its access token, or null for a repetition."""

    token: Token | None


def order_out(order: Order, *, now: datetime, public_url: str = "") -> OrderOut:
    """Return the order as its partner sees it at `now`.

    `public_url` is where the public pages are, such as `https://swap.example`; "" for nowhere.
    """
    order_id, source, destination = str(order.id), order.source, order.destination
    destination_amount = format_units(order.destination_amount, destination.precision)
    payout, refund, attached = order.payout_tx_id, order.refund_tx_id, order.references
    return OrderOut(
        id=order_id,
        type=order.rate_type,
        status=order.status,
        time=_times(order, now),
        source=_source(order),
        destination=OrderSideOut(
            code=destination.code,
            network=destination.network,
            chain=destination.chain,
            chain_id=destination.chain_id,
            contract=destination.contract,
            amount=destination_amount,
            address=order.destination_address,
            tag=order.destination_tag,
            tx=TransactionOut(
                payout,
                destination_amount if payout is not None else None,
                destination.explorer_url(payout),
            ),
        ),
        back=BackOut(
            order.refund_address,
            RefundTransactionOut(refund, source.explorer_url(refund)),
            order.refund_tag,
        ),
        emergency=EmergencyOut(order.emergency, order.choice),
        rate=str(order.rate),
        network_fee=format_units(order.network_fee, destination.precision),
        markup_bps=order.markup_bps,
        outcome=outcome_of(order.state),
        code=attached.code,
        external_id=attached.external_id,
        metadata=attached.metadata,
        status_url=f"{public_url}/status/{order_id}" if public_url else None,
    )


def opened_order_out(
    order: Order, token: str | None, *, now: datetime, public_url: str = ""
) -> OpenedOrderOut:
    """Return the order as the response to its creation."""
    out = order_out(order, now=now, public_url=public_url)
    return OpenedOrderOut(**msgspec.structs.asdict(out), token=token)


def outcome_of(state: State) -> Outcome | None:
    """Return `outcome` of an order in a state."""
    return OUTCOME_OF.get(state)


def _source(order: Order) -> SourceSideOut:
    source, deposit = order.source, order.received
    return SourceSideOut(
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
            source.explorer_url(deposit.tx_id) if deposit else None,
        ),
        confirmations=order.deposits.confirmations(source.confirmations),
        confirmations_required=source.confirmations,
    )


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
