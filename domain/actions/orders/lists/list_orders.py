"""List a partner's orders: newest first, or in the order of their last change."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol
from uuid import UUID

import msgspec

from domain.actions.orders.show_order import order_key
from domain.errors import InvalidRequest
from domain.ids import FIRST_ID
from domain.orders.cursors import CursorSigner, ListPosition
from domain.orders.order import Order
from domain.orders.query import OrderFilter, OrderStatus
from domain.orders.references import check_external_id
from domain.reasons import Reason

MAX_LISTED: Final = 100
MAX_STATUSES: Final = 64


class ListedOrders(msgspec.Struct, frozen=True):
    """A page of orders, and where the next one continues; None at the end."""

    orders: Sequence[Order]
    continue_after: ListPosition | None


class OrderLists(Protocol):
    """A partner's orders, without deleted ones. Every method raises Unavailable."""

    async def newest(
        self, partner_id: UUID, filters: OrderFilter, *, before: UUID | None, limit: int
    ) -> ListedOrders:
        """Return matching orders that were created before another, newest first."""

    async def changes(
        self, partner_id: UUID, filters: OrderFilter, *, after: ListPosition | None, limit: int
    ) -> ListedOrders:
        """Return matching orders in the order of their last change, from a position on.

        The list ends before what running transactions may still change.
        """

    async def code_id(self, partner_id: UUID, code: str) -> UUID | None:
        """Return the id of one of the partner's codes, or None."""

    async def statuses(self, partner_id: UUID, ids: Sequence[UUID]) -> Sequence[OrderStatus]:
        """Return the statuses of those of these orders that belong to the partner."""


class ListPorts(msgspec.Struct, frozen=True):
    """The ports of lists; `cursor_keys` returns the keys of cursors, the current one first."""

    lists: OrderLists
    cursor_keys: Callable[[], Sequence[bytes]]


class ListRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to list: a filter, one of the partner's codes, and a cursor of the same list."""

    filters: OrderFilter
    code: str | None = None
    limit: int = MAX_LISTED
    cursor: str | None = None


class OrderList(msgspec.Struct, frozen=True):
    """A page of orders, and the cursor of the next one; None at the end."""

    orders: Sequence[Order]
    cursor: str | None


async def list_orders(ports: ListPorts, partner_id: UUID, request: ListRequest) -> OrderList:
    """Return a page of a partner's orders; raise InvalidRequest and Unavailable.

    With a bound on the time of the last change, the list is in that order, and an order that
    changes again while the list is read appears again, at its new time. Otherwise it is newest
    first, and changes do not move an order. A code that the partner does not have matches nothing.
    """
    _check(request)
    filters = request.filters
    signer = CursorSigner(ports.cursor_keys())
    if request.code is not None:
        code_id = await ports.lists.code_id(partner_id, request.code)
        filters = msgspec.structs.replace(filters, code_id=code_id or FIRST_ID)
    after = None
    if request.cursor is not None:
        after = signer.read(request.cursor, partner_id, filters)
    if filters.is_by_change:
        found = await ports.lists.changes(partner_id, filters, after=after, limit=request.limit)
    else:
        before = after.id if after else None
        found = await ports.lists.newest(partner_id, filters, before=before, limit=request.limit)
    position = found.continue_after
    cursor = None if position is None else signer.write(position, partner_id, filters)
    return OrderList(found.orders, cursor)


async def list_statuses(
    ports: ListPorts, partner_id: UUID, order_ids: Sequence[str]
) -> Sequence[OrderStatus]:
    """Return the statuses of at most 64 orders in the requested order, each once.

    Ids that are not UUIDs, unknown, deleted or of another partner are omitted. Raises
    InvalidRequest for more ids.
    """
    if len(order_ids) > MAX_STATUSES:
        raise InvalidRequest(f"more than {MAX_STATUSES} ids", field="ids", reason=Reason.LENGTH)
    keys = dict.fromkeys(key for one in order_ids if (key := order_key(one)) is not None)
    if not keys:
        return ()
    found = {one.id: one for one in await ports.lists.statuses(partner_id, list(keys))}
    return [found[key] for key in keys if key in found]


def _check(request: ListRequest) -> None:
    filters = request.filters
    if not 1 <= request.limit <= MAX_LISTED:
        raise InvalidRequest(f"limit is not 1 to {MAX_LISTED}", field="limit", reason=Reason.RANGE)
    if filters.external_id is not None:
        check_external_id(filters.external_id)
    for since, until, field in (
        (filters.since, filters.until, "createdTo"),
        (filters.changed_since, filters.changed_until, "updatedTo"),
    ):
        if since is not None and until is not None and since > until:
            raise InvalidRequest(
                "a range of times ends before it begins", field=field, reason=Reason.CONFLICT
            )
