"""The delivery log: a page of events and its filters."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from cabinet_htmx.partner.webhooks.event_view import EventView
from cabinet_htmx.shared.options import Option
from domain.webhooks.delivery_log import EventOutcome
from domain.webhooks.events import EventType


class LogView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the log, its filters as entered, and links to other pages.

    `searched_back_to` is set if the search stopped at that time before the page was full.
    """

    rows: Sequence[EventView]
    outcomes: Sequence[Option]
    types: Sequence[Option]
    fields: Mapping[str, str]
    errors: Mapping[str, str]
    is_filtered: bool
    searched_back_to: datetime | None
    first: str | None
    older: str | None

    @property
    def has_resendable(self) -> bool:
        """Return whether any of the events can be resent."""
        return any(not row.is_queued for row in self.rows)


def outcome_options(chosen: str) -> list[Option]:
    """Return the options of the status filter."""
    options = [
        Option(one.value, one.value.capitalize(), one.value == chosen) for one in EventOutcome
    ]
    return [Option("", "All", not chosen), *options]


def type_options(chosen: str) -> list[Option]:
    """Return the options of the event type filter."""
    options = [Option(one.value, one.value, one.value == chosen) for one in EventType]
    return [Option("", "All", not chosen), *options]
