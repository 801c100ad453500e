"""A partner's webhook receiver, written from the contract alone: it verifies signatures."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import msgspec

from tests.support.http_server import Silent, serving


class Delivery(msgspec.Struct, frozen=True):
    """An event as it arrived, at a time of the monotonic clock."""

    event_id: str
    body: bytes
    received_at: float


class Receiver:
    """Collects events, and rejects those whose signature does not verify."""

    def __init__(self, secret: str) -> None:
        self.secret = secret.encode()
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.deliveries: list[Delivery] = []
        self.bodies: dict[str, set[bytes]] = {}
        self.types: dict[str, str] = {}
        self.traceparents: dict[str, str | None] = {}
        self.forged: list[bytes] = []
        self.url = ""

    def receive(self, body: bytes, headers: Any) -> int:
        """Record a delivery and return the status of the response."""
        expected = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, headers["X-Partner-Webhook-Sign"]):
            self.forged.append(body)
            return 401
        event_id = headers["X-Partner-Webhook-Id"]
        self.bodies.setdefault(event_id, set()).add(body)
        self.types[event_id] = headers["X-Partner-Webhook-Event"]
        self.traceparents[event_id] = headers["traceparent"]
        self.ids.append(event_id)
        self.deliveries.append(Delivery(event_id, body, time.monotonic()))
        self.events.append(json.loads(body))
        return 204

    def statuses(self, order_id: str) -> list[str]:
        """Return the distinct statuses of an order, in the sequence of their arrival."""
        orders = [one["order"] for one in self.events if "order" in one]
        return list(dict.fromkeys(one["status"] for one in orders if one["id"] == order_id))

    def changes(self, order_id: str) -> list[dict[str, Any]]:
        """Return the order of each of its events, each event once, in the sequence of arrival."""
        events = dict(zip(reversed(self.ids), reversed(self.events), strict=False))
        changes = [events[one] for one in dict.fromkeys(self.ids) if one in events]
        orders = [one["order"] for one in changes if "order" in one]
        return [order for order in orders if order["id"] == order_id]


@contextmanager
def receiving(secret: str) -> Iterator[Receiver]:
    """Run a receiver on a free port of loopback."""
    receiver = Receiver(secret)

    class Handler(Silent, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.receive(body, self.headers))
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as url:
        receiver.url = f"{url}/"
        yield receiver
