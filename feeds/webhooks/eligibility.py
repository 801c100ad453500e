"""Decides whether a leased event may be sent."""

import msgspec

from domain.webhooks.delivery import LeasedEvent, PendingDelivery


class Withheld(msgspec.Struct, frozen=True):
    """Why an event is not sent; `final` where a later attempt would not be sent either."""

    reason: str
    final: bool


def delivery_of(event: LeasedEvent) -> PendingDelivery | Withheld:
    """Return the delivery of an event, or why it must not be sent.

    A decision of the partner or the user is final; what the operator can change is retried.
    """
    for withheld, reason, final in (
        (event.order_deleted, "the order was deleted", True),
        (event.endpoint_gone, "the endpoint has responded 410 Gone before", True),
        (not event.subscribed, "the endpoint is not subscribed to events of this type", True),
        (not event.partner_enabled, "the partner is disabled", False),
    ):
        if withheld:
            return Withheld(reason, final=final)
    if event.url is None:
        return Withheld("no webhook URL is set", final=True)
    if event.webhook_secret is None:
        return Withheld("the webhook secret is not readable", final=False)
    return PendingDelivery(
        event=event.event,
        url=event.url,
        webhook_secret=event.webhook_secret,
        standard_webhooks=event.standard_webhooks,
        failed_attempts=event.failed_attempts,
        previous_webhook_secret=event.previous_webhook_secret,
        traceparent=event.traceparent,
    )
