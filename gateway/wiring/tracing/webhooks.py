"""Delivery attempts as spans of the order's trace, which receivers can continue."""

import msgspec
import structlog
from opentelemetry.trace import SpanKind

from domain.tracing import TRACEPARENT
from domain.webhooks.delivery import Attempt, PendingDelivery
from feeds.webhooks.ports import Sender
from gateway.runtime.tracing import Tracing

log = structlog.get_logger()


class TracedSender:
    """A Sender that sends events of traced orders in a span of their trace."""

    def __init__(self, sender: Sender, tracing: Tracing) -> None:
        self._sender = sender
        self._tracing = tracing

    async def send(self, delivery: PendingDelivery) -> Attempt:
        """See Sender."""
        parent, event = delivery.traceparent, delivery.event
        if parent is None:
            return await self._sender.send(delivery)
        attributes = {"swapgate.event": str(event.id), "swapgate.order": str(event.order_id)}
        with self._tracing.span(
            f"webhook {event.type.value}",
            parent=parent,
            kind=SpanKind.PRODUCER,
            attributes=attributes,
        ) as span:
            attempt = await self._sender.send(
                msgspec.structs.replace(delivery, traceparent=TRACEPARENT.get() or parent)
            )
            span.set_attribute("http.response.status_code", attempt.http_status or 0)
            log.info("webhook sent", event_id=str(event.id), status=attempt.http_status)
            return attempt
