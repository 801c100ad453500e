"""What somebody asks of the delivery log, as an address and as fields of a form have it."""

from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from domain.ids import id_in
from domain.webhooks.delivery_log import DueCursor, EventOutcome, LogCursor, LogFilter
from domain.webhooks.events import EventType
from gateway.cabinet.days import NO_DAY, begins, day_in, ends

NO_ID: Final = "An id looks like 019a2b3c-…: 36 characters. Copy it whole."
FIELDS: Final = ("outcome", "type", "from", "to", "about", "behind")

_OUTCOMES: Final = {one.value: one for one in EventOutcome}
_TYPES: Final = {one.value: one for one in EventType}


class LogQuery(msgspec.Struct, frozen=True):
    """The fields that are filled in, and the zone whose days are meant."""

    fields: Mapping[str, str]
    zone: ZoneInfo

    @classmethod
    def of(cls, given: Mapping[str, str], zone: ZoneInfo) -> Self:
        """Take what an address or a form has of the log's own fields."""
        named = {name: given.get(name, "").strip() for name in FIELDS}
        return cls({name: value for name, value in named.items() if value}, zone)

    @property
    def faults(self) -> Mapping[str, str]:
        """Return what is wrong, by field."""
        faults = {
            name: NO_DAY
            for name in ("from", "to")
            if name in self.fields and day_in(self.fields[name]) is None
        }
        if "about" in self.fields and id_in(self.fields["about"]) is None:
            faults["about"] = NO_ID
        return faults

    @property
    def filter(self) -> LogFilter:
        """Return which events are asked for; what makes no sense asks for nothing."""
        first, last = (day_in(self.fields.get(name, "")) for name in ("from", "to"))
        return LogFilter(
            outcome=_OUTCOMES.get(self.fields.get("outcome", "")),
            type=_TYPES.get(self.fields.get("type", "")),
            since=begins(first, self.zone) if first else None,
            until=ends(last, self.zone) if last else None,
            resource_id=id_in(self.fields.get("about", "")),
        )

    @property
    def behind(self) -> LogCursor | None:
        """Return behind what the page begins."""
        text = self.fields.get("behind", "")
        return DueCursor.parse(text) or id_in(text)

    def path(self, root: str, *, behind: LogCursor | None = None) -> str:
        """Return the address of a page of the same events."""
        fields = {name: value for name, value in self.fields.items() if name != "behind"}
        if behind is not None:
            fields["behind"] = str(behind)
        return f"{root}?{urlencode(fields)}" if fields else root

    def here(self, root: str) -> str:
        """Return the address of this very page."""
        return self.path(root, behind=self.behind)
