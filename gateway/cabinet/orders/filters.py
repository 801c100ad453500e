"""The filters of a list of orders, as they stand in its address."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from cabinet_htmx.partner.orders.orders_view import AskedFor
from domain.orders.order import Status
from domain.orders.query import OrderFilter
from gateway.cabinet.days import NO_DAY, begins, day_in, ends
from gateway.cabinet.page_request import PageRequest

_DIGITS: Final = re.compile(r"[0-9a-f]{1,32}", re.ASCII)
MIN_DIGITS: Final = 8
"""Fewer digits of an id than these say nothing: they are the month."""
NOBODYS: Final = UUID(int=0)


class Filters(msgspec.Struct, frozen=True):
    """What is asked for: as text, as a filter, and what of it can't be understood, by field."""

    asked: AskedFor
    wanted: OrderFilter
    faults: Mapping[str, str]


async def filters_of(visit: PageRequest) -> Filters:
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
    since, until = _day(asked.since, "since", faults), _day(asked.until, "until", faults)
    zone = visit.frame.zone
    wanted = OrderFilter(
        status=status,
        code_id=code_id,
        asset=asset,
        since=begins(since, zone) if since else None,
        until=ends(until, zone) if until else None,
        id_prefix=_prefix(asked.id, faults),
    )
    return Filters(asked, wanted, faults)


def _day(text: str, field: str, faults: dict[str, str]) -> date | None:
    day = day_in(text)
    if text and day is None:
        faults[field] = NO_DAY
    return day


def _prefix(text: str, faults: dict[str, str]) -> str | None:
    digits = text.lower().replace("-", "")
    if not digits:
        return None
    if _DIGITS.fullmatch(digits) is None:
        faults["id"] = "An order's id has digits and the letters a to f."
    elif len(digits) < MIN_DIGITS:
        faults["id"] = f"At least {MIN_DIGITS} characters, please."
    else:
        return digits
    return None
