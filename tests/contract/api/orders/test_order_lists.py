"""Section 15 of the contract: /v1/orders and /v1/orders/status."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.bad_input.lists import FOREIGN, INVALID, INVALID_IDS, OMITTED
from tests.support.builders.orders import AGREED, Swaps
from tests.support.clients.partner import Response
from tests.support.clients.visitor import Visitor

Order = dict[str, Any]
REJECTED = b'{"code":1,"msg":"INVALID_REQUEST"}'


class Listing:
    """A partner with five orders: two by `externalId`, one paid, one expired; another's order."""

    def __init__(self, up: Running) -> None:
        self.swaps = Swaps(up)
        self.other = Swaps(up)
        self.orders = [
            self.swaps.opened(),
            self.swaps.opened(externalId="same"),
            self.swaps.opened(externalId="same"),
            self.swaps.opened(externalId="expired"),
            self.swaps.opened(),
        ]
        self.ids = [order["id"] for order in self.orders]
        self.swaps.deposited(self.orders[0], AGREED)
        self.swaps.command("sandbox", "expire", self.ids[3])
        self.foreign = self.other.opened()
        self.other.opened()

    def call(self, **fields: object) -> Response:
        return self.swaps.partner.call("/orders", fields)

    def page(self, **fields: object) -> tuple[list[Order], str | None]:
        data = self.call(**fields).data
        return data["orders"], data["cursor"]

    def walk(self, **fields: object) -> list[str]:
        """Return the ids of all pages."""
        orders, cursor = self.page(**fields)
        ids = [one["id"] for one in orders]
        while cursor is not None:
            orders, cursor = self.page(**{**fields, "cursor": cursor})
            ids += [one["id"] for one in orders]
        return ids

    def cursor(self, **fields: object) -> str:
        return str(self.call(**{"limit": 1, **fields}).data["cursor"])

    def foreign_cursor(self, **fields: object) -> str:
        request = {"limit": 1, **fields}
        return str(self.other.partner.call("/orders", request).data["cursor"])


@pytest.fixture(scope="module")
def listing(by_hand: Running) -> Listing:
    return Listing(by_hand)


def test_orders_are_listed_newest_first_as_they_are_shown(listing: Listing) -> None:
    orders, cursor = listing.page()
    assert [one["id"] for one in orders] == listing.ids[::-1]
    assert cursor is None
    for listed, opened in zip(reversed(orders), listing.orders, strict=True):
        shown = listing.swaps.shown(opened)
        del listed["time"]["left"], shown["time"]["left"]
        assert listed == shown


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_pages_have_each_order_once(listing: Listing, limit: int) -> None:
    assert listing.walk(limit=limit) == listing.ids[::-1]
    changed = listing.walk(limit=limit, updatedFrom=0)
    assert sorted(changed) == sorted(listing.ids)
    assert changed[-1] == listing.ids[3]


FOUND: dict[str, tuple[dict[str, object], list[int]]] = {
    "status NEW": ({"status": "NEW"}, [4, 2, 1]),
    "status PENDING": ({"status": "PENDING"}, [0]),
    "status DONE": ({"status": "DONE"}, []),
    "outcome EXPIRED": ({"outcome": "EXPIRED"}, [3]),
    "outcome COMPLETED": ({"outcome": "COMPLETED"}, []),
    "status EXPIRED and outcome EXPIRED": ({"status": "EXPIRED", "outcome": "EXPIRED"}, [3]),
    "status EXPIRED and outcome REFUNDED": ({"status": "EXPIRED", "outcome": "REFUNDED"}, []),
    "a contradiction": ({"status": "NEW", "outcome": "EXPIRED"}, []),
    "an externalId": ({"externalId": "same"}, [2, 1]),
    "an externalId in another case": ({"externalId": "Same"}, []),
    "an externalId and a status": ({"externalId": "expired", "status": "EXPIRED"}, [3]),
    "an externalId and another status": ({"externalId": "expired", "status": "NEW"}, []),
    "an unknown code": ({"code": "no-such-code"}, []),
    "an empty code": ({"code": ""}, []),
    "created since 1970": ({"createdFrom": 0}, [4, 3, 2, 1, 0]),
    "created until 1970": ({"createdTo": 0}, []),
    "created until 2999": ({"createdTo": 32_503_679_999}, [4, 3, 2, 1, 0]),
    "created since 2100": ({"createdFrom": "2100-01-01T00:00:00Z"}, []),
    "created since 2020 in another zone": (
        {"createdFrom": "2020-01-01T00:00:00.5+05:30"},
        [4, 3, 2, 1, 0],
    ),
    "updated until 2100": ({"updatedTo": 4_102_444_800, "status": "PENDING"}, [0]),
    "updated since 2100": ({"updatedFrom": 4_102_444_800}, []),
    "all fields null": (
        dict.fromkeys(("createdFrom", "updatedTo", "status", "outcome", "externalId", "cursor")),
        [4, 3, 2, 1, 0],
    ),
    "an unknown field": ({"unknown": 1}, [4, 3, 2, 1, 0]),
}


@pytest.mark.parametrize("name", FOUND)
@pytest.mark.parametrize("limit", [1, 100])
def test_filters_select_orders(listing: Listing, name: str, limit: int) -> None:
    filters, expected = FOUND[name]
    assert listing.walk(limit=limit, **filters) == [listing.ids[one] for one in expected]


def test_a_range_of_times_includes_its_beginning_and_not_its_end(listing: Listing) -> None:
    order = listing.swaps.shown(listing.orders[4])
    made = datetime.fromtimestamp(int(order["id"].replace("-", "")[:12], 16) / 1000, UTC)
    at = int(made.timestamp())
    assert listing.ids[4] in listing.walk(createdFrom=at, createdTo=at + 1)
    assert listing.ids[4] not in listing.walk(createdTo=at)
    assert listing.ids[4] not in listing.walk(createdFrom=at + 1)


def test_orders_of_a_code_are_listed_by_its_name(listing: Listing) -> None:
    partner = listing.swaps.partner
    code = partner.call("/codes", {"code": f"c-{uuid4().hex[:12]}"}).data["code"]
    assert listing.walk(code=code) == []
    assert listing.other.partner.call("/orders", {"code": code}).data["orders"] == []


def test_deleted_orders_and_those_of_others_are_omitted(by_hand: Running) -> None:
    swaps = Swaps(by_hand)
    kept, deleted = swaps.opened(), swaps.opened()
    swaps.command("sandbox", "expire", deleted["id"])
    response = delete(by_hand, deleted)
    assert response == 200
    for filters in ({}, {"updatedFrom": 0}):
        listed = swaps.partner.call("/orders", filters).data
        assert [one["id"] for one in listed["orders"]] == [kept["id"]]
    statuses = swaps.partner.call("/orders/status", {"ids": [kept["id"], deleted["id"]]}).data
    assert [one["id"] for one in statuses] == [kept["id"]]


def delete(up: Running, order: Order) -> int:
    return Visitor(up.base_url).post(f"/order/{order['id']}/delete", {"t": order["token"]}).status


def test_orders_that_are_created_meanwhile_disturb_no_page(by_hand: Running) -> None:
    swaps = Swaps(by_hand)
    before = [swaps.opened()["id"] for _ in range(12)]
    found: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        created = [pool.submit(swaps.opened) for _ in range(40)]
        cursor = None
        while True:
            page = swaps.partner.call("/orders", {"limit": 3, "cursor": cursor}).data
            found += [one["id"] for one in page["orders"]]
            cursor = page["cursor"]
            if cursor is None:
                break
        everything = {*before, *(one.result()["id"] for one in created)}
    assert len(found) == len(set(found))
    assert found == sorted(found, reverse=True)
    assert set(before) <= set(found) <= everything


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_field_of_a_list_is_rejected(listing: Listing, name: str) -> None:
    response = listing.call(**INVALID[name])
    assert (response.status, response.body) == (400, REJECTED)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_cursor_of_another_list_is_rejected(listing: Listing, name: str) -> None:
    response = listing.call(**FOREIGN[name](listing))
    assert (response.status, response.body) == (400, REJECTED)


def test_a_cursor_may_be_used_again_and_with_another_limit(listing: Listing) -> None:
    cursor = listing.cursor()
    for limit in (4, 4, 100):
        orders, _ = listing.page(cursor=cursor, limit=limit)
        assert [one["id"] for one in orders] == listing.ids[-2::-1]


def statuses(listing: Listing, ids: list[Any]) -> Response:
    return listing.swaps.partner.call("/orders/status", {"ids": ids})


def test_statuses_are_those_of_the_orders_in_the_requested_order(listing: Listing) -> None:
    ids = [listing.ids[3], listing.ids[0].upper(), listing.ids[4], listing.ids[3]]
    found = statuses(listing, ids).data
    assert [(one["id"], one["status"], one["outcome"]) for one in found] == [
        (listing.ids[3], "EXPIRED", "EXPIRED"),
        (listing.ids[0], "PENDING", None),
        (listing.ids[4], "NEW", None),
    ]
    shown = listing.swaps.shown(listing.orders[3])
    at = datetime.fromisoformat(found[0]["updatedAt"])
    assert int(at.timestamp()) == shown["time"]["update"]


@pytest.mark.parametrize("name", OMITTED)
def test_ids_that_are_not_of_the_partners_orders_are_omitted(listing: Listing, name: str) -> None:
    assert statuses(listing, OMITTED[name](listing)).data == []
    assert len(statuses(listing, [*OMITTED[name](listing)[:63], listing.ids[0]]).data) == 1


@pytest.mark.parametrize("name", INVALID_IDS)
def test_an_invalid_list_of_ids_is_rejected(listing: Listing, name: str) -> None:
    response = listing.swaps.partner.call("/orders/status", INVALID_IDS[name])
    assert (response.status, response.body) == (400, REJECTED)


@pytest.mark.parametrize("path", ["/orders", "/orders/status"])
def test_lists_have_weight_5_and_need_a_signature(listing: Listing, path: str) -> None:
    partner = listing.swaps.partner
    before = partner.remaining_weight()
    assert partner.call(path, {"ids": []}).code == 0
    assert before - partner.remaining_weight() == 6
    assert partner.post(path, b'{"ids":[]}', {}).code == 2
