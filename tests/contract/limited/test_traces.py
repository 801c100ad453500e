"""One trace leads from the call that creates an order to its webhooks, through all processes."""

import json
from functools import partial
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, order_request, quote_request
from tests.support.servers.webhook_receiver import receiving
from tests.support.telemetry.collector import Collector, ReceivedSpan
from tests.support.waiting import wait_until

THEIRS = f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"
PROCESSES = ("serve", "settlement", "webhooks")
SERVICES = {f"swapgate-{process}" for process in PROCESSES}
STEPS = {
    *("/v1/create", "order confirming", "order paying_out", "order completed"),
    "webhook order.status_changed",
}


@pytest.fixture
def partner(limited: Running) -> Partner:
    return limited.new_partner()


def logged(running: Running, process: str, trace_id: str) -> list[str]:
    """Return the events that a process has logged with a trace id."""
    lines = (running.data_dir / "logs" / f"{process}.log").read_text().splitlines()
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    return [entry["event"] for entry in entries if entry.get("trace_id") == trace_id]


def test_one_trace_leads_from_creating_an_order_to_its_last_webhook(
    limited: Running, collector: Collector
) -> None:
    email = f"{uuid4().hex}@wallet.example"
    with receiving("") as receiver:
        created = limited.json("partner", "create", "--email", email, "--webhook-url", receiver.url)
        receiver.secret = str(created["webhookSecret"]).encode()
        partner = Partner(limited.base_url, str(created["apiKey"]), str(created["apiSecret"]))
        partner.until_active()
        order = partner.call("/create", order_request(), traceparent=THEIRS).data
        assert partner.call("/sandbox/deposit", {"id": order["id"]}).code == 0
        wait_until(lambda: receiver.statuses(order["id"]), lambda seen: "DONE" in seen)
        of_order = [one for one in receiver.traceparents.values() if one is not None]
    assert len(of_order) == len(receiver.traceparents)
    (trace_id,) = {one.split("-")[1] for one in of_order}
    assert trace_id != THEIRS.split("-")[1], "callers do not choose the trace"

    def is_complete(spans: list[ReceivedSpan]) -> bool:
        sent = {f"00-{trace_id}-{span.span_id}-01" for span in spans}
        steps = {span.name for span in spans} >= STEPS
        return steps and sent >= set(of_order) and {one.service for one in spans} == SERVICES

    found = wait_until(lambda: collector.of_trace(trace_id), is_complete)
    (root,) = [span for span in found if not span.parent_id]
    assert root.name == "/v1/create"
    assert root.links == (THEIRS.split("-")[1],)
    assert {span.parent_id for span in found} <= {"", *(span.span_id for span in found)}
    for process in PROCESSES:
        wait_until(partial(logged, limited, process, trace_id))


def test_a_call_that_is_not_authenticated_is_linked_to_no_trace(
    partner: Partner, collector: Collector
) -> None:
    stranger = Partner(partner.base_url, partner.api_key, "a secret of somebody else")
    theirs = f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"
    assert stranger.call("/price", quote_request(), traceparent=theirs).code == 3
    assert partner.call("/price", quote_request(), traceparent="00-\xff-malformed").code == 0
    ours = f"00-{uuid4().hex}-{uuid4().hex[:16]}-01"
    assert partner.call("/price", quote_request(), traceparent=ours).code == 0

    def linked() -> set[str]:
        return {link for span in list(collector.spans) for link in span.links}

    wait_until(linked, lambda found: ours.split("-")[1] in found)
    assert theirs.split("-")[1] not in linked()
