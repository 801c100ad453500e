"""Check the delivery of webhooks: whether it runs, and which endpoints have gone."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from domain.actions.operator.doctor.checks import Probe, Remark, and_more
from domain.clock import Clock

LATE_AFTER: Final = timedelta(minutes=1)


class DeliveryHealth(msgspec.Struct, frozen=True):
    """What is known of webhook delivery.

    `oldest_waiting` returns since when the oldest due event has waited, None without one;
    `gone_endpoints` returns the partners whose endpoint answered 410, oldest first.
    """

    oldest_waiting: Callable[[], Awaitable[datetime | None]]
    gone_endpoints: Callable[[], Awaitable[Sequence[str]]]


def webhook_checks(health: DeliveryHealth, clock: Clock) -> list[tuple[str, Probe]]:
    """Return the checks."""
    return [
        ("webhooks", lambda: _delivery(health, clock)),
        ("endpoints", lambda: _endpoints(health)),
    ]


async def _delivery(health: DeliveryHealth, clock: Clock) -> str | None:
    since = await health.oldest_waiting()
    if since is None or clock.now() - since <= LATE_AFTER:
        return None
    return f"Start `swapgate webhooks`: an event has been waiting since {since.isoformat()}"


async def _endpoints(health: DeliveryHealth) -> str | None:
    gone = await health.gone_endpoints()
    if not gone:
        return None
    return Remark(
        f"{gone[0]}{and_more(gone)} answered 410 and no longer gets events: once the endpoint "
        "works again, run `swapgate webhooks test WHO`, or set another URL"
    )
