"""Which types of events a partner may subscribe to."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from domain.errors import InvalidCommand
from domain.webhooks.events import EventType

DEFAULT_EVENTS: Final = frozenset({EventType.ORDER_STATUS_CHANGED})
SUBSCRIBABLE: Final = tuple(event for event in EventType if event is not EventType.WEBHOOK_TEST)
"""A test event is sent on request, without a subscription."""


def types_to_test(*, is_sandbox: bool) -> Sequence[EventType]:
    """Return the types of which a test event can be sent: outside a sandbox none that states facts.

    The database enforces it.
    """
    return tuple(EventType) if is_sandbox else (EventType.WEBHOOK_TEST,)


def parse_event_types(names: Iterable[str]) -> frozenset[EventType]:
    """Return the event types with these names; raise InvalidCommand for an unknown one."""
    known = {event.value: event for event in SUBSCRIBABLE}
    requested = frozenset(names)
    unknown = sorted(requested - known.keys())
    if unknown:
        raise InvalidCommand(
            f"there is no event {', '.join(unknown)}: there are {', '.join(known)}"
        )
    return frozenset(known[name] for name in requested)


def event_names(events: Collection[EventType]) -> Sequence[str]:
    """Return the names of event types, sorted."""
    return sorted(event.value for event in events)
