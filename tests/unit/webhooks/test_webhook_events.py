"""Bodies and dedup keys of events (contract, section 8)."""

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import msgspec
import pytest

from domain.errors import InvalidCommand
from domain.ledger.reconciliation import StoredEvent, event_differences
from domain.webhooks.events import (
    EVENT_BODIES,
    EarningsOut,
    EventBody,
    EventType,
    PayoutOut,
    decode_body,
    earnings_cleared,
    partner_paid_out,
)
from domain.webhooks.samples import sample_event
from domain.webhooks.subscriptions import parse_event_types, types_to_test
from domain.wire import wire_moment

AT = datetime(2026, 5, 1, 12, 0, 0, 123_456, tzinfo=UTC)
EVENT, PARTNER = UUID(int=1), UUID(int=2)


def test_paid_out_event_has_the_body_and_key_of_the_contract() -> None:
    payout = PayoutOut(
        id=str(UUID(int=3)),
        period_start=wire_moment(AT - timedelta(days=30)),
        period_end=wire_moment(AT),
        amount_usd="1234.50",
        reference="wire 7",
        paid_out_at=wire_moment(AT),
    )
    event = partner_paid_out(EVENT, PARTNER, payout, at=AT)

    assert json.loads(event.body) == {
        "event": "partner.paid_out",
        "payout": {
            "id": "00000000-0000-0000-0000-000000000003",
            "periodStart": "2026-04-01T12:00:00.123Z",
            "periodEnd": "2026-05-01T12:00:00.123Z",
            "amountUsd": "1234.50",
            "reference": "wire 7",
            "paidOutAt": "2026-05-01T12:00:00.123Z",
        },
        "ts": 1_777_636_800_123,
    }
    assert event.dedup_key == "paid_out:2026-05-01T12:00:00.123Z"
    assert (event.id, event.partner_id, event.order_id) == (EVENT, PARTNER, None)
    assert event.type is EventType.PARTNER_PAID_OUT


def test_cleared_event_has_the_body_and_key_of_the_contract() -> None:
    earnings = EarningsOut(amount_usd="0.00", cleared_at=wire_moment(AT))
    event = earnings_cleared(EVENT, PARTNER, earnings, at=AT)

    assert json.loads(event.body) == {
        "event": "earnings.cleared",
        "earnings": {"amountUsd": "0.00", "clearedAt": "2026-05-01T12:00:00.123Z"},
        "ts": 1_777_636_800_123,
    }
    assert event.dedup_key == "cleared:2026-05-01T12:00:00.123Z"
    assert event.type is EventType.EARNINGS_CLEARED


def test_test_event_names_its_type_in_its_body() -> None:
    event = sample_event(EventType.WEBHOOK_TEST, EVENT, PARTNER, at=AT)

    body = json.loads(event.body)
    assert body["event"] == "webhook.test"
    assert body["test"]["id"] == str(EVENT)
    assert set(body) == {"event", "test", "ts"}
    assert event.dedup_key == f"test:{EVENT}"


@pytest.mark.parametrize("event_type", EventType)
def test_a_test_event_of_any_type_has_a_complete_document_of_it(event_type: EventType) -> None:
    event = sample_event(event_type, EVENT, PARTNER, at=AT)
    assert (event.type, event.dedup_key, event.is_test) == (event_type, f"test:{EVENT}", True)
    body = msgspec.json.decode(event.body, type=EVENT_BODIES[event_type])
    assert msgspec.json.encode(body) == event.body
    assert not body.dedup_key().startswith("test:") or event_type is EventType.WEBHOOK_TEST
    assert list(event_differences(StoredEvent(event, None))) == []


def test_outside_a_sandbox_only_the_type_without_facts_can_be_tested() -> None:
    assert types_to_test(is_sandbox=False) == (EventType.WEBHOOK_TEST,)
    assert types_to_test(is_sandbox=True) == tuple(EventType)


def test_times_are_written_in_utc_with_milliseconds() -> None:
    east = timezone(timedelta(hours=2))
    assert wire_moment(datetime(2026, 5, 1, 2, tzinfo=east)) == "2026-05-01T00:00:00.000Z"


def test_test_events_cannot_be_subscribed_to() -> None:
    with pytest.raises(InvalidCommand, match=r"there is no event webhook\.test"):
        parse_event_types(["webhook.test"])


def test_every_event_type_has_one_body_that_names_it() -> None:
    assert EVENT_BODIES.keys() == set(EventType)
    assert {body.event_type(): body for body in EVENT_BODIES.values()} == EVENT_BODIES


def test_body_without_a_dedup_key_cannot_be_created() -> None:
    class Nameless(EventBody, frozen=True, tag="order.nameless"):
        ts: int

    with pytest.raises(TypeError, match="abstract"):
        Nameless(ts=1)  # type: ignore[abstract]


def test_stored_body_is_decoded_as_the_type_that_it_names() -> None:
    event = sample_event(EventType.WEBHOOK_TEST, EVENT, PARTNER, at=AT)
    body = decode_body(event.body)
    assert body.event_type() is EventType.WEBHOOK_TEST
    assert body.dedup_key() == event.dedup_key


@pytest.mark.parametrize("name", ["", '"event":"order.vanished",'])
def test_body_that_names_no_event_type_is_rejected(name: str) -> None:
    document = f'{{{name}"test":{{"id":"1","message":"m"}},"ts":1}}'
    with pytest.raises(msgspec.MsgspecError):
        decode_body(document.encode())
