"""The filters of the list of orders, parsed from the query string."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from cabinet_htmx.partner.messages import INVALID_DAY
from cabinet_htmx.partner.orders.orders_view import INVALID_ORDER_ID, FilterForm, id_too_short
from domain.orders.query import OrderFilter
from domain.orders.states import Status
from gateway.cabinet.days import end_of, parse_day, start_of
from gateway.cabinet.page_request import PageRequest

MAX_FIELD_LENGTH: Final = 64
MIN_ID_DIGITS: Final = 8
"""Fewer digits of a UUIDv7 select only by time, and only roughly."""
UNKNOWN_CODE: Final = UUID(int=0)

_DIGITS: Final = re.compile(r"[0-9a-f]{1,32}", re.ASCII)


class Selection(msgspec.Struct, frozen=True):
    """Filters as entered and as parsed, with an error message for each invalid field."""

    form: FilterForm
    filters: OrderFilter
    errors: Mapping[str, str]


async def filters_of(request: PageRequest) -> Selection:
    """Return the filters of a request. Invalid fields do not filter, but have an error message."""
    fields = {
        name: request.query.get(name, "").strip()[:MAX_FIELD_LENGTH]
        for name in FilterForm.__struct_fields__
    }
    form = FilterForm(**fields)
    errors: dict[str, str] = {}
    queries, zone = request.ports.queries, request.layout.zone
    code_id = None
    if form.code:
        code_id = await queries.orders.code_id(request.partner_id, form.code) or UNKNOWN_CODE
    since, until = _day(form.since, "since", errors), _day(form.until, "until", errors)
    filters = OrderFilter(
        status=Status(form.status) if form.status in set(Status) else None,
        code_id=code_id,
        asset=form.asset if form.asset in queries.catalogue().assets else None,
        since=start_of(since, zone) if since else None,
        until=end_of(until, zone) if until else None,
        id_prefix=_id_prefix(form.id, errors),
    )
    return Selection(form, filters, errors)


def _day(text: str, field: str, errors: dict[str, str]) -> date | None:
    day = parse_day(text)
    if text and day is None:
        errors[field] = INVALID_DAY
    return day


def _id_prefix(text: str, errors: dict[str, str]) -> str | None:
    digits = text.lower().replace("-", "")
    if not digits:
        return None
    if _DIGITS.fullmatch(digits) is None:
        errors["id"] = INVALID_ORDER_ID
    elif len(digits) < MIN_ID_DIGITS:
        errors["id"] = id_too_short(MIN_ID_DIGITS)
    else:
        return digits
    return None
