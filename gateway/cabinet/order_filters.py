"""The filters of a list of orders, as they stand in its address."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from cabinet_htmx.partner.orders_view import AskedFor, as_date
from domain.order_list import OrderFilter
from domain.orders import Status
from gateway.cabinet.visit import Visit

_DIGITS: Final = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
LEAST_DIGITS: Final = 8
"""Fewer digits of an id than these say nothing: they are the month."""
NOBODYS: Final = UUID(int=0)


class Filters(msgspec.Struct, frozen=True):
    """What is asked for: as text, as a filter, and what of it can't be understood, by field."""

    asked: AskedFor
    wanted: OrderFilter
    faults: Mapping[str, str]


async def filters_of(visit: Visit) -> Filters:
    """Return a visit's filters; what can't be understood is left out, and said."""
    given = {name: visit.query.get(name, "").strip()[:64] for name in AskedFor.__struct_fields__}
    asked = AskedFor(**given)
    faults: dict[str, str] = {}
    status = Status(asked.status) if asked.status in set(Status) else None
    reading = visit.cabinet.parts.reading
    asset = asked.asset if asked.asset in reading.catalogue().assets else None
    code_id = None
    if asked.code:
        found = await reading.orders.code_id(visit.member.partner_id, asked.code)
        code_id = found or NOBODYS
    wanted = OrderFilter(
        status=status,
        code_id=code_id,
        asset=asset,
        since=_day_begins(asked.since, "since", visit.frame.zone, faults),
        until=_day_begins(asked.until, "until", visit.frame.zone, faults, days=1),
        id_prefix=_prefix(asked.id, faults),
    )
    return Filters(asked, wanted, faults)


def _day_begins(
    text: str, field: str, zone: ZoneInfo, faults: dict[str, str], *, days: int = 0
) -> datetime | None:
    """Return when a day begins where the reader is; so many days later, to count the day in."""
    try:
        day = as_date(text)
        if day is None:
            return None
        local = datetime.combine(day + timedelta(days=days), time(), zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        faults[field] = f"A day looks like {date(2026, 5, 1)}."
        return None


def _prefix(text: str, faults: dict[str, str]) -> str | None:
    digits = text.lower().replace("-", "")
    if not digits:
        return None
    if _DIGITS.fullmatch(digits) is None:
        faults["id"] = "An order's id has digits and the letters a to f."
    elif len(digits) < LEAST_DIGITS:
        faults["id"] = f"At least {LEAST_DIGITS} characters, please."
    else:
        return digits
    return None
