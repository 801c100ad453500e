"""The list of orders: rows, filters as entered, and links to adjacent pages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from cabinet_htmx.partner.orders.status import StatusTag, status_label, status_tag
from cabinet_htmx.shared.amounts import format_amount
from cabinet_htmx.shared.options import Option, asset_options
from domain.assets import Catalogue
from domain.ids import made_at
from domain.money import format_usd
from domain.orders.query import ListedOrder, OrderPage
from domain.orders.states import Status
from domain.partners.codes import ListedCode

PATH: Final = "/partner/orders"
SHORT_ID_LENGTH: Final = 8

INVALID_ORDER_ID: Final = "An order id consists of digits and the letters a to f."


class FilterForm(msgspec.Struct, frozen=True, kw_only=True):
    """The filters as entered; empty fields do not filter."""

    status: str = ""
    code: str = ""
    asset: str = ""
    since: str = ""
    until: str = ""
    id: str = ""

    @property
    def is_empty(self) -> bool:
        """Return whether no field is filled in."""
        return self == FilterForm()

    def query(self, **more: str) -> str:
        """Return the query string of the filters and of `more`."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return urlencode({name: value for name, value in fields.items() if value} | more)


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order in the list."""

    id: UUID
    short_id: str
    path: str
    created_at: datetime
    status: StatusTag
    sent: str
    sent_coin: str
    sent_network: str
    received: str
    received_coin: str
    received_network: str
    code: str | None
    earned: str | None


class OrdersView(msgspec.Struct, frozen=True, kw_only=True):
    """Context of the template.

    `searched_back_to` is set if the search stopped at that time before the page was full.
    """

    rows: Sequence[OrderRow]
    form: FilterForm
    errors: Mapping[str, str]
    statuses: Sequence[Option]
    codes: Sequence[Option]
    assets: Sequence[Option]
    older: str | None
    newer: str | None
    searched_back_to: datetime | None
    is_first: bool
    live: str | None
    csv: str


def id_too_short(minimum: int) -> str:
    """Return the error for too short a prefix of an id."""
    return f"Enter at least {minimum} characters."


def orders_view(
    page: OrderPage,
    form: FilterForm,
    *,
    catalogue: Catalogue,
    codes: Sequence[ListedCode],
    errors: Mapping[str, str],
    is_first: bool,
) -> OrdersView:
    """Return the view of a page of orders."""
    rows = [order_row(one) for one in page.orders]
    return OrdersView(
        rows=rows,
        form=form,
        errors=errors,
        statuses=[Option(one.value, status_label(one), one.value == form.status) for one in Status],
        codes=[
            Option(one.code.code, _code_label(one), one.code.code == form.code) for one in codes
        ],
        assets=asset_options(catalogue.assets.values(), form.asset),
        older=_older(page, form),
        newer=_newer(page, form),
        searched_back_to=made_at(page.searched_back_to) if page.searched_back_to else None,
        is_first=is_first,
        live=_live(rows, form, is_first=is_first),
        csv=f"{PATH}.csv?{form.query()}",
    )


def order_row(listed: ListedOrder) -> OrderRow:
    """Return the row of an order."""
    order = listed.order
    source, destination = order.source, order.destination
    return OrderRow(
        id=order.id,
        short_id=str(order.id)[:SHORT_ID_LENGTH],
        path=f"{PATH}/{order.id}",
        created_at=order.created_at,
        status=status_tag(order.status),
        sent=format_amount(order.source_amount, source),
        sent_coin=source.coin,
        sent_network=source.network,
        received=format_amount(order.destination_amount, destination),
        received_coin=destination.coin,
        received_network=destination.network,
        code=order.references.code,
        earned=None if listed.earned is None else format_usd(listed.earned),
    )


def _code_label(listed: ListedCode) -> str:
    code = listed.code
    return f"{code.code} ({code.label})" if code.label else code.code


def _older(page: OrderPage, form: FilterForm) -> str | None:
    last = page.searched_back_to or (page.orders[-1].order.id if page.orders else None)
    if not page.has_older or last is None:
        return None
    return f"{PATH}?{form.query(older=str(last))}"


def _newer(page: OrderPage, form: FilterForm) -> str | None:
    if not page.has_newer:
        return None
    if not page.orders:
        return f"{PATH}?{form.query()}"
    return f"{PATH}?{form.query(newer=str(page.orders[0].order.id))}"


def _live(rows: Sequence[OrderRow], form: FilterForm, *, is_first: bool) -> str | None:
    """Return the URL that is polled for changes of these rows and for new orders."""
    if not rows and not is_first:
        return None
    more = {"ids": ",".join(str(row.id) for row in rows)}
    if is_first:
        more["than"] = str(rows[0].id if rows else UUID(int=0))
    return f"{PATH}-live?{form.query(**more)}"
