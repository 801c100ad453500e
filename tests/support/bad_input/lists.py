"""Requests for lists of orders and of statuses that are rejected, or that find nothing, by name."""

from collections.abc import Callable
from typing import Any, Protocol
from uuid import uuid4


class KnownOrders(Protocol):
    """A partner with several orders, all in NEW but one, and another partner with some."""

    ids: list[str]
    foreign: dict[str, Any]

    def cursor(self, **fields: object) -> str:
        """Return a cursor of the partner's."""

    def foreign_cursor(self, **fields: object) -> str:
        """Return a cursor of the other partner's."""


Changed = Callable[[KnownOrders], dict[str, object]]


def altered(cursor: str) -> str:
    return cursor[:-2] + ("A" if cursor[-2] != "A" else "Q") + cursor[-1]


INVALID: dict[str, dict[str, object]] = {
    "a limit of 0": {"limit": 0},
    "a limit of 101": {"limit": 101},
    "a negative limit": {"limit": -1},
    "a limit of 2^63": {"limit": 2**63},
    "a limit that is a string": {"limit": "5"},
    "a limit with decimals": {"limit": 1.5},
    "a limit that is true": {"limit": True},
    "a limit that is null": {"limit": None},
    "an unknown status": {"status": "new"},
    "an empty status": {"status": ""},
    "an internal state": {"status": "awaiting_deposit"},
    "a status that is a list": {"status": ["NEW"]},
    "a status that is a number": {"status": 1},
    "an unknown outcome": {"outcome": "DONE"},
    "an outcome in lower case": {"outcome": "completed"},
    "an outcome that is a list": {"outcome": []},
    "a code that is a number": {"code": 1},
    "an empty externalId": {"externalId": ""},
    "an externalId of 65 characters": {"externalId": "x" * 65},
    "Unicode in externalId": {"externalId": "\u00e9"},
    "a zero byte in externalId": {"externalId": "a\0"},
    "an externalId that is a number": {"externalId": 7},
    "a negative time": {"createdFrom": -1},
    "a time in milliseconds": {"createdFrom": 1_716_800_000_000},
    "the year 3000": {"createdTo": 32_503_680_000},
    "a time of 2^64": {"updatedFrom": 2**64},
    "a time with decimals": {"updatedFrom": 1716800000.5},
    "a time that is true": {"updatedFrom": True},
    "a time that is a list": {"updatedTo": [1]},
    "a time that is an object": {"updatedTo": {}},
    "digits in a string": {"createdFrom": "1716800000"},
    "an empty time": {"createdFrom": ""},
    "a time without a zone": {"createdFrom": "2024-05-27T08:53:20"},
    "a date without a time": {"createdFrom": "2024-05-27"},
    "a time with a space": {"createdFrom": "2024-05-27 08:53:20Z"},
    "a time in lower case": {"createdFrom": "2024-05-27t08:53:20z"},
    "a trailing line feed": {"createdFrom": "2024-05-27T08:53:20Z\n"},
    "a day that does not exist": {"createdFrom": "2023-02-29T00:00:00Z"},
    "a month that does not exist": {"createdFrom": "2024-13-01T00:00:00Z"},
    "an hour that does not exist": {"createdFrom": "2024-05-27T24:00:01Z"},
    "a zone that does not exist": {"createdFrom": "2024-05-27T08:53:20+99:00"},
    "the year 0": {"createdFrom": "0000-01-01T00:00:00Z"},
    "the year 1": {"createdFrom": "0001-01-01T00:00:00+14:00"},
    "the year 9999": {"updatedTo": "9999-12-31T23:59:59Z"},
    "a time before 1970": {"updatedFrom": "1969-12-31T23:59:59Z"},
    "a week date": {"createdFrom": "2024-W22-1T00:00:00Z"},
    "full-width digits in a time": {"createdFrom": "\uff12024-05-27T08:53:20Z"},
    "a created range that ends before it begins": {"createdFrom": 2, "createdTo": 1},
    "an updated range that ends before it begins": {"updatedFrom": 2, "updatedTo": 1},
    "an empty cursor": {"cursor": ""},
    "a cursor of other characters": {"cursor": "not a cursor"},
    "a cursor of zeros": {"cursor": "A" * 54},
    "a long cursor": {"cursor": "A" * 60_000},
    "an id as a cursor": {"cursor": str(uuid4())},
    "Unicode in a cursor": {"cursor": "\u00e9" * 54},
    "a cursor that is a number": {"cursor": 1},
    "a cursor that is a list": {"cursor": []},
}

FOREIGN: dict[str, Changed] = {
    "another filter": lambda one: {"cursor": one.cursor(), "status": "NEW"},
    "no filter": lambda one: {"cursor": one.cursor(status="NEW")},
    "another status": lambda one: {"cursor": one.cursor(status="NEW"), "status": "DONE"},
    "another code": lambda one: {"cursor": one.cursor(), "code": "summer-24"},
    "another externalId": lambda one: {"cursor": one.cursor(), "externalId": "same"},
    "another creation time": lambda one: {"cursor": one.cursor(), "createdFrom": 1},
    "another time of a change": lambda one: {"cursor": one.cursor(), "updatedFrom": 1},
    "the other order": lambda one: {"cursor": one.cursor(updatedFrom=0)},
    "a first character that was altered": lambda one: {"cursor": "B" + one.cursor()[1:]},
    "a last character that was altered": lambda one: {"cursor": altered(one.cursor())},
    "a character less": lambda one: {"cursor": one.cursor()[:-1]},
    "a character more": lambda one: {"cursor": one.cursor() + "A"},
    "padding": lambda one: {"cursor": one.cursor() + "=="},
    "a trailing line feed": lambda one: {"cursor": one.cursor() + "\n"},
    "a leading space": lambda one: {"cursor": " " + one.cursor()},
    "two cursors": lambda one: {"cursor": one.cursor() + one.cursor()},
    "lower case": lambda one: {"cursor": one.cursor().lower() + "a"},
    "reversed": lambda one: {"cursor": one.cursor()[::-1]},
    "another partner's": lambda one: {"cursor": one.foreign_cursor()},
    "another partner's of changes": lambda one: {
        "cursor": one.foreign_cursor(updatedFrom=0),
        "updatedFrom": 0,
    },
    "another partner's of the same filter": lambda one: {
        "cursor": one.foreign_cursor(status="NEW"),
        "status": "NEW",
    },
    "another partner's of another filter": lambda one: {
        "cursor": one.foreign_cursor(status="NEW"),
    },
}

OMITTED: dict[str, Callable[[KnownOrders], list[object]]] = {
    "no ids": lambda _: [],
    "another partner's": lambda one: [one.foreign["id"]],
    "64 times another partner's": lambda one: [one.foreign["id"]] * 64,
    "another partner's among unknown ones": lambda one: [
        *(str(uuid4()) for _ in range(31)),
        one.foreign["id"],
        *(str(uuid4()) for _ in range(32)),
    ],
    "another partner's in capital letters": lambda one: [one.foreign["id"].upper()],
    "unknown ids": lambda _: [str(uuid4()) for _ in range(64)],
    "text": lambda _: ["", "x", "'; DROP TABLE orders; --", "\0", "\u00e9" * 36],
    "ids without hyphens": lambda one: [one.ids[0].replace("-", "")],
    "ids in braces": lambda one: [f"{{{one.ids[0]}}}"],
    "long text": lambda _: ["0" * 60_000],
}

INVALID_IDS: dict[str, object] = {
    "65 ids": {"ids": [str(uuid4()) for _ in range(65)]},
    "65 times the same id": {"ids": [str(uuid4())] * 65},
    "no field": {},
    "null": {"ids": None},
    "a string": {"ids": str(uuid4())},
    "an object": {"ids": {}},
    "a number": {"ids": 1},
    "numbers": {"ids": [1, 2]},
    "null in the list": {"ids": [None]},
    "lists in the list": {"ids": [[str(uuid4())]]},
    "a list as the body": [],
}
