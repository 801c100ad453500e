"""Test events of every type: complete documents of the type, with made-up content."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from domain.orders.states import Choice, RateType, Status
from domain.orders.wire import (
    BackOut,
    EmergencyOut,
    OrderOut,
    OrderSideOut,
    RefundTransactionOut,
    SourceSideOut,
    TimeOut,
    TransactionOut,
)
from domain.webhooks.events import (
    DetailsStatus,
    EarningsCleared,
    EarningsOut,
    Event,
    EventBody,
    EventType,
    OrderStatusChanged,
    PartnerPaidOut,
    PayoutDetailsChanged,
    PayoutDetailsOut,
    PayoutOut,
    TestOut,
    WebhookTest,
    event_of_test,
    milliseconds,
)
from domain.wire import wire_moment

PERIOD: Final = timedelta(days=30)
TIME_TO_PAY: Final = timedelta(minutes=30)
# The facts of networks are literals: to import the networks takes each command half a second.
_NO_TRANSACTION: Final = TransactionOut(id=None, amount=None, explorer=None)


def sample_event(event_type: EventType, event_id: UUID, partner_id: UUID, *, at: datetime) -> Event:
    """Return a test event of a type. What its document is about has the id of the event.

    It states nothing that has happened: the order does not exist, and is one without a deposit.
    """
    return event_of_test(event_id, partner_id, _body(event_type, event_id, at), at=at)


def _body(event_type: EventType, event_id: UUID, at: datetime) -> EventBody:
    identity, moment, ts = str(event_id), wire_moment(at), milliseconds(at)
    match event_type:
        case EventType.ORDER_STATUS_CHANGED:
            return OrderStatusChanged(order=_order(event_id, at), ts=ts)
        case EventType.PARTNER_PAID_OUT:
            payout = PayoutOut(
                id=identity,
                period_start=wire_moment(at - PERIOD),
                period_end=moment,
                amount_usd="12.34",
                reference="test",
                paid_out_at=moment,
            )
            return PartnerPaidOut(payout=payout, ts=ts)
        case EventType.EARNINGS_CLEARED:
            earnings = EarningsOut(amount_usd="12.34", cleared_at=moment)
            return EarningsCleared(earnings=earnings, ts=ts)
        case EventType.PAYOUT_DETAILS_CHANGED:
            return PayoutDetailsChanged(payout_details=_payout_details(identity, at), ts=ts)
        case EventType.WEBHOOK_TEST:
            test = TestOut(id=identity, message="This is a test: nothing has happened.")
            return WebhookTest(test=test, ts=ts)


def _payout_details(identity: str, at: datetime) -> PayoutDetailsOut:
    return PayoutDetailsOut(
        id=identity,
        status=DetailsStatus.WITHDRAWN.value,
        asset="usdt_trc20",
        network="Tron",
        address="TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
        tag=None,
        requested_at=wire_moment(at),
        takes_effect_at=wire_moment(at + timedelta(days=1)),
    )


def _order(event_id: UUID, at: datetime) -> OrderOut:
    return OrderOut(
        id=str(event_id),
        type=RateType.FLOAT.value,
        status=Status.NEW.value,
        time=TimeOut(
            reg=int(at.timestamp()),
            expiration=int((at + TIME_TO_PAY).timestamp()),
            left=int(TIME_TO_PAY.total_seconds()),
            update=int(at.timestamp()),
            finish=None,
        ),
        source=SourceSideOut(
            code="ltc",
            network="Litecoin",
            chain="litecoin",
            chain_id=None,
            contract=None,
            amount="8.00000000",
            address="ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
            tag=None,
            tx=_NO_TRANSACTION,
            confirmations=None,
            confirmations_required=4,
        ),
        destination=OrderSideOut(
            code="usdt_trc20",
            network="Tron",
            chain="tron",
            chain_id=None,
            contract="TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
            amount="616.881562",
            address="TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
            tag=None,
            tx=_NO_TRANSACTION,
        ),
        back=BackOut(
            address="ltc1qcr8te4kr609gcawutmrza0j4xv80jy8z4nqduv",
            tx=RefundTransactionOut(id=None, explorer=None),
            tag=None,
        ),
        emergency=EmergencyOut(status=(), choice=Choice.NONE.value),
        rate="77.26019531",
        network_fee="1.200000",
        markup_bps=50,
        outcome=None,
        code=None,
        external_id="test",
        metadata=None,
        status_url=None,
    )
