"""The command's webhook events: listing, details, replay and test events."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.command import invoke
from tests.support.clients.operator_command import Operator, new_operator
from tests.support.waiting import wait_until

EVENT = """
INSERT INTO webhook_events (id, partner_id, position, type, dedup_key, body, status, attempts,
  due_at, leased_until, created_at, finished_at)
VALUES (%s, %s, 0, 'order.status_changed', %s, %s, %s, %s, %s, %s, %s, %s)
"""
ATTEMPT = """
INSERT INTO webhook_attempts
  (event_id, attempt, started_at, latency_ms, http_status, error, response_body)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def stored(
    operator: Operator, partner: str, status: str, *, at: datetime = MAY, number: int = 0
) -> str:
    event_id = str(UUID(int=uuid4().int >> 48 | (int(at.timestamp() * 1000) + number) << 80))
    settled = at if status in {"dead", "delivered"} else None
    leased = at if status == "queued" else None
    key, body = f"key {number}", b'{"a":"b"}'
    operator.sql(EVENT, event_id, partner, key, body, status, 3, at, leased, at, settled)
    return event_id


def rows(operator: Operator) -> dict[str, tuple[str, int]]:
    stored = operator.sql("SELECT id, status, attempts FROM webhook_events")
    return {str(row[0]): (row[1], row[2]) for row in stored}


def test_newest_events_are_listed_with_their_last_attempt(operator: Operator) -> None:
    partner, other = operator.partner(), operator.partner()
    old, new = stored(operator, partner, "dead"), stored(operator, partner, "pending", number=1)
    stored(operator, other, "dead")
    operator.sql(ATTEMPT, old, 1, MAY, 12, 500, None, "oops")
    operator.sql(ATTEMPT, old, 2, MAY + timedelta(seconds=10), 9, None, "no connection", None)

    listed = operator.json("webhooks", "list", partner)
    assert [event["id"] for event in listed] == [new, old]
    assert listed[1] == {
        "id": old,
        "type": "order.status_changed",
        "status": "dead",
        "dedupKey": "key 0",
        "orderId": None,
        "attempts": 3,
        "createdAt": "2026-05-01T12:00:00Z",
        "dueAt": None,
        "finishedAt": "2026-05-01T12:00:00Z",
        "lastAttempt": {
            "attempt": 2,
            "startedAt": "2026-05-01T12:00:10Z",
            "latencyMs": 9,
            "httpStatus": None,
            "error": "no connection",
            "answer": None,
        },
    }
    assert listed[0]["lastAttempt"] is None
    assert [e["id"] for e in operator.json("webhooks", "list", partner, "--status", "dead")] == [
        old
    ]
    assert len(operator.json("webhooks", "list", partner, "--limit", "1")) == 1
    assert "no connection after 9 ms" in operator.run("webhooks", "list", partner).stdout


def test_event_is_shown_with_its_body_and_all_attempts(operator: Operator) -> None:
    partner = operator.partner()
    event_id = stored(operator, partner, "dead")
    operator.sql(ATTEMPT, event_id, 1, MAY, 12, 500, None, "[red]oops")

    shown = operator.json("webhooks", "show", event_id)
    assert (shown["body"], shown["partnerId"]) == ('{"a":"b"}', partner)
    assert [one["answer"] for one in shown["log"]] == ["[red]oops"]
    assert "HTTP 500 after 12 ms | [red]oops" in operator.run("webhooks", "show", event_id).stdout


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("dead", ("pending", 0)),
        ("delivered", ("pending", 0)),
        ("pending", ("pending", 3)),
        ("queued", ("queued", 3)),
    ],
)
def test_retry_schedule_of_a_replayed_event_starts_over(
    operator: Operator, before: str, after: tuple[str, int]
) -> None:
    event_id = stored(operator, operator.partner(), before)
    other = stored(operator, operator.partner(), "dead")

    assert operator.json("webhooks", "replay", event_id) == {"replayed": 1}
    assert rows(operator) == {event_id: after, other: ("dead", 3)}


def test_dead_events_of_a_time_span_are_replayed(operator: Operator) -> None:
    partner, other = operator.partner(), operator.partner()
    hours = [MAY + timedelta(hours=hour) for hour in range(4)]
    dead = [stored(operator, partner, "dead", at=at) for at in hours]
    delivered = stored(operator, partner, "delivered", at=hours[1])
    foreign = stored(operator, other, "dead", at=hours[1])
    window = ("--since", "2026-05-01T13:00Z", "--until", "2026-05-01T17:00+02:00")

    assert operator.json("webhooks", "replay", partner, *window) == {"replayed": 2}
    assert {event for event, (status, _) in rows(operator).items() if status == "pending"} == {
        dead[1],
        dead[2],
    }
    assert operator.json("webhooks", "replay", partner, *window, "--delivered") == {"replayed": 1}
    assert rows(operator)[delivered] == ("pending", 0)
    assert rows(operator)[foreign] == ("dead", 3)
    assert operator.json("webhooks", "replay", partner, "--since", "2026-05-01") == {"replayed": 2}


def test_many_events_are_replayed_in_several_statements(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("persistence.postgres.webhooks.replay.MAX_PER_STATEMENT", 3)
    partner = operator.partner()
    for number in range(7):
        stored(operator, partner, "dead", number=number)

    assert operator.json("webhooks", "replay", partner, "--since", "2026-05-01") == {"replayed": 7}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("replay", "nonsense"), "'nonsense' is not an event's id"),
        (("replay", str(UUID(int=9))), f"There is no event {UUID(int=9)}"),
        (("show", str(UUID(int=9))), f"There is no event {UUID(int=9)}"),
        (("replay", "who@example.org", "--since", "2026-05-01"), "There is no partner"),
        (("list", "who@example.org"), "There is no partner who@example.org"),
        (("replay", str(UUID(int=9)), "--until", "2026-05-01"), "--until and --delivered require"),
        (("--metrics-port", "1", "list", "x"), "--metrics-port must follow list"),
    ],
)
def test_invalid_arguments_are_rejected_with_an_explanation(
    operator: Operator, arguments: tuple[str, ...], message: str
) -> None:
    assert operator.error("webhooks", *arguments).startswith(message)


def test_invalid_time_is_rejected_with_an_example(operator: Operator) -> None:
    partner = operator.partner()
    message = operator.error("webhooks", "replay", partner, "--since", "noon")
    assert message == "'noon' is not a time like 2026-05-01T12:00Z"


def test_test_event_is_enqueued_and_rejected_without_a_url(operator: Operator) -> None:
    partner = operator.partner(webhook_url="https://example.org")
    sent = operator.json("webhooks", "test", partner, "--no-wait")
    assert (sent["type"], sent["status"], sent["attempts"]) == ("webhook.test", "pending", 0)
    assert sent["dedupKey"] == f"test:{sent['id']}"

    without_url = operator.partner()
    assert "has no webhook URL" in operator.error("webhooks", "test", without_url)


def test_command_waits_for_the_first_attempt_of_a_test_event(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.webhooks.events.TEST_WAIT", timedelta(seconds=60))
    partner = operator.partner(webhook_url="https://example.org")

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(invoke, "webhooks", "test", partner, data_dir=operator.data_dir)
        events = wait_until(lambda: operator.sql("SELECT id FROM webhook_events") or waiting.done())
        assert isinstance(events, list), waiting.result()
        operator.sql(ATTEMPT, events[0][0], 1, MAY, 12, 204, None, "")
        assert "HTTP 204 after 12 ms" in waiting.result(60).stdout
