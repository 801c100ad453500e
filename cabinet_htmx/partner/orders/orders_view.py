"""What the list of orders shows: rows, the filters as they were asked for, pages beside it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from cabinet_htmx.shared.amounts import shown
from cabinet_htmx.shared.options import Option, asset_options
from domain.assets import Catalogue
from domain.ids import made_at
from domain.money import format_usd
from domain.orders.order import Status
from domain.orders.query import ListedOrder, OrderPage
from domain.partners.codes import ListedCode

PATH: Final = "/partner/orders"
TONES: Final = {
    Status.NEW: "",
    Status.PENDING: "warn",
    Status.EXCHANGE: "warn",
    Status.DONE: "good",
    Status.EXPIRED: "",
    Status.EMERGENCY: "bad",
}


class AskedFor(msgspec.Struct, frozen=True, kw_only=True):
    """The filters as they stand in the form and the address; empty ones ask for all."""

    status: str = ""
    code: str = ""
    asset: str = ""
    since: str = ""
    until: str = ""
    id: str = ""

    @property
    def is_empty(self) -> bool:
        """Tell whether all orders are asked for."""
        return self == AskedFor()

    def query(self, **more: str) -> str:
        """Return the address's query: what is asked for, and `more`."""
        asked = {name: value for name, value in self.as_dict().items() if value}
        return urlencode(asked | more)

    def as_dict(self) -> dict[str, str]:
        """Return the filters by their names."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order of the list."""

    id: UUID
    short_id: str
    path: str
    created_at: datetime
    status: str
    tone: str
    sent: str
    sent_coin: str
    sent_network: str
    got: str
    got_coin: str
    got_network: str
    code: str | None
    earned: str | None


class OrdersView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the list's template needs. `looked_back_to` is None where all was looked through."""

    rows: Sequence[OrderRow]
    asked: AskedFor
    faults: Mapping[str, str]
    statuses: Sequence[Option]
    codes: Sequence[Option]
    assets: Sequence[Option]
    older: str | None
    newer: str | None
    looked_back_to: datetime | None
    is_first: bool
    live: str | None
    csv: str


def orders_view(
    page: OrderPage,
    asked: AskedFor,
    *,
    catalogue: Catalogue,
    codes: Sequence[ListedCode],
    faults: Mapping[str, str],
    is_first: bool,
) -> OrdersView:
    """Return the view of a page of orders."""
    rows = [order_row(one) for one in page.orders]
    last = page.looked_back_to or (page.orders[-1].order.id if page.orders else None)
    older = newer = None
    if page.has_older and last is not None:
        older = f"{PATH}?{asked.query(older=str(last))}"
    if page.has_newer and page.orders:
        newer = f"{PATH}?{asked.query(newer=str(page.orders[0].order.id))}"
    elif page.has_newer:
        newer = f"{PATH}?{asked.query()}"
    return OrdersView(
        rows=rows,
        asked=asked,
        faults=faults,
        statuses=[Option(one.value, one.value, one.value == asked.status) for one in Status],
        codes=[
            Option(one.code.code, _code_label(one), one.code.code == asked.code) for one in codes
        ],
        assets=asset_options(catalogue.assets.values(), asked.asset),
        older=older,
        newer=newer,
        looked_back_to=made_at(page.looked_back_to) if page.looked_back_to else None,
        is_first=is_first,
        live=_live(rows, asked, is_first=is_first),
        csv=f"{PATH}.csv?{asked.query()}",
    )


def order_row(listed: ListedOrder) -> OrderRow:
    """Return the row of an order."""
    order = listed.order
    source, destination = order.source, order.destination
    return OrderRow(
        id=order.id,
        short_id=str(order.id)[:8],
        path=f"{PATH}/{order.id}",
        created_at=order.created_at,
        status=order.status.value,
        tone=TONES[order.status],
        sent=shown(order.source_amount, source),
        sent_coin=source.coin,
        sent_network=source.network,
        got=shown(order.destination_amount, destination),
        got_coin=destination.coin,
        got_network=destination.network,
        code=listed.code,
        earned=None if listed.earned is None else format_usd(listed.earned),
    )


def _code_label(listed: ListedCode) -> str:
    code = listed.code
    return f"{code.code} ({code.label})" if code.label else code.code


def _live(rows: Sequence[OrderRow], asked: AskedFor, *, is_first: bool) -> str | None:
    """Return where what has changed of these rows, and what is new, is asked for."""
    if not rows and not is_first:
        return None
    more = {"ids": ",".join(str(row.id) for row in rows)}
    if is_first:
        more["than"] = str(rows[0].id if rows else UUID(int=0))
    return f"{PATH}-live?{asked.query(**more)}"
