"""The headers of a delivery attempt (contract, section 8)."""

from typing import Final

from domain.webhooks.delivery import PendingDelivery
from domain.webhooks.signatures import signature, standard_signature

USER_AGENT: Final = "Swapgate-Webhooks/1"


def delivery_headers(delivery: PendingDelivery, *, unix_seconds: int) -> dict[str, str]:
    """Return the headers of an attempt made at `unix_seconds`."""
    event = delivery.event
    headers = {
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Partner-Webhook-Event": event.type.value,
        "X-Partner-Webhook-Timestamp": str(unix_seconds),
        "X-Partner-Webhook-Sign": signature(event.body, delivery.webhook_secret),
        "X-Partner-Webhook-Id": str(event.id),
    }
    if delivery.standard_webhooks:
        headers |= {
            "webhook-id": str(event.id),
            "webhook-timestamp": str(unix_seconds),
            "webhook-signature": _standard_signatures(delivery, unix_seconds=unix_seconds),
        }
    if delivery.traceparent is not None:
        headers["traceparent"] = delivery.traceparent
    return headers


def _standard_signatures(delivery: PendingDelivery, *, unix_seconds: int) -> str:
    """Return the `webhook-signature` header: by the current secret, then by the previous one."""
    secrets = [delivery.webhook_secret]
    if delivery.previous_webhook_secret is not None:
        secrets.append(delivery.previous_webhook_secret)
    event = delivery.event
    return " ".join(
        standard_signature(event.body, secret, message_id=str(event.id), timestamp=unix_seconds)
        for secret in secrets
    )
