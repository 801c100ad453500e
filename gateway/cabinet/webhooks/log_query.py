"""The filters and the position of a page of the delivery log, in URLs and forms."""

from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from cabinet_htmx.partner.messages import INVALID_DAY
from cabinet_htmx.partner.webhooks.messages import INVALID_ID
from domain.ids import id_in
from domain.webhooks.delivery_log import DueCursor, EventOutcome, LogCursor, LogFilter
from domain.webhooks.events import EventType
from gateway.cabinet.days import end_of, parse_day, start_of

FIELDS: Final = ("outcome", "type", "from", "to", "about", "behind")

_OUTCOMES: Final = {one.value: one for one in EventOutcome}
_TYPES: Final = {one.value: one for one in EventType}


class LogQuery(msgspec.Struct, frozen=True):
    """The fields that are filled in, and the time zone of the days."""

    fields: Mapping[str, str]
    zone: ZoneInfo

    @classmethod
    def of(cls, source: Mapping[str, str], zone: ZoneInfo) -> Self:
        """Return the log's fields of a query string or form."""
        fields = {name: source.get(name, "").strip() for name in FIELDS}
        return cls({name: value for name, value in fields.items() if value}, zone)

    @property
    def errors(self) -> Mapping[str, str]:
        """Return the error message of each invalid field."""
        errors = {
            name: INVALID_DAY
            for name in ("from", "to")
            if name in self.fields and parse_day(self.fields[name]) is None
        }
        if "about" in self.fields and id_in(self.fields["about"]) is None:
            errors["about"] = INVALID_ID
        return errors

    @property
    def filter(self) -> LogFilter:
        """Return the filter; invalid fields do not filter."""
        first, last = (parse_day(self.fields.get(name, "")) for name in ("from", "to"))
        return LogFilter(
            outcome=_OUTCOMES.get(self.fields.get("outcome", "")),
            type=_TYPES.get(self.fields.get("type", "")),
            since=start_of(first, self.zone) if first else None,
            until=end_of(last, self.zone) if last else None,
            resource_id=id_in(self.fields.get("about", "")),
        )

    @property
    def cursor(self) -> LogCursor | None:
        """Return the event that the page follows, or None on the first page."""
        text = self.fields.get("behind", "")
        return DueCursor.parse(text) or id_in(text)

    def path(self, root: str, *, cursor: LogCursor | None = None) -> str:
        """Return the path of a page with the same filters."""
        fields = {name: value for name, value in self.fields.items() if name != "behind"}
        if cursor is not None:
            fields["behind"] = str(cursor)
        return f"{root}?{urlencode(fields)}" if fields else root

    def current_path(self, root: str) -> str:
        """Return the path of this page."""
        return self.path(root, cursor=self.cursor)
