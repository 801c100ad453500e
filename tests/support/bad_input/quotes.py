"""quoteIds and quote requests that are rejected, by name."""

from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

from tests.support.clients.partner import order_request, quote_request

ADDRESSES = {name: order_request()[name] for name in ("toAddress", "refundAddress")}


def other_character(text: str, position: int) -> str:
    replaced = "A" if text[position] != "A" else "B"
    return text[:position] + replaced + text[position + 1 :]


def with_field(quote_id: str, position: int, text: str) -> str:
    fields = quote_id.split(".")
    fields[position] = text
    return ".".join(fields)


ALTERED: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "first character": lambda one: other_character(one, 0),
    "key's name": lambda one: with_field(one, 1, "k9"),
    "a later expiry": lambda one: with_field(one, 2, "9999999999"),
    "another id": lambda one: with_field(one, 3, "0" * 32),
    "for anyone": lambda one: with_field(one, 4, "anyone"),
    "a fixed rate": lambda one: with_field(one, 5, "fixed"),
    "less to send": lambda one: with_field(one, 7, "1"),
    "more to receive": lambda one: with_field(one, 8, "999999999999"),
    "another pair": lambda one: with_field(one, 11, "ltc"),
    "a better rate": lambda one: with_field(one, 13, "99999999999999"),
    "no network fee": lambda one: with_field(one, 15, "0"),
    "no markup": lambda one: with_field(one, 17, "0"),
    "a field more": lambda one: "1." + one,
    "a field less": lambda one: one.partition(".")[2],
    "without its mac": lambda one: one.rpartition(".")[0],
    "an empty mac": lambda one: one.rpartition(".")[0] + ".",
    "mac": lambda one: other_character(one, len(one) - 1),
    "shorter": lambda one: one[:-1],
    "one group less": lambda one: one[:-4],
    "longer": lambda one: one + "A",
    "one group more": lambda one: one + "AAAA",
    "padded": lambda one: one + "====",
    "a line break": lambda one: one + "\n",
    "a space before": lambda one: " " + one,
    "upper case": str.upper,
    "reversed": lambda one: one[::-1],
    "twice": lambda one: one * 2,
    "the mac in capital letters": lambda one: one[:-64] + one[-64:].upper(),
    "not ASCII": lambda one: one + "\u00e9",
    "a zero byte": lambda one: one + "\0",
    "very long": lambda _: "A" * 10_000,
    "a number": lambda _: "1716800060",
    "an order's id": lambda _: str(uuid4()),
}


class QuoteIds(Protocol):
    """Issues quoteIds that a partner can use, and signed ones that it cannot use."""

    def own(self) -> str: ...

    def foreign(self) -> str: ...

    def used(self, *, by_other: bool = False) -> str: ...

    def expired(self, seconds: float, *, foreign: bool = False) -> str: ...

    def visitors(self) -> str: ...

    def for_anyone(self) -> str: ...

    def of_another_purpose(self) -> str: ...

    def of_another_installation(self) -> str: ...


UNUSABLE: dict[str, tuple[Callable[[QuoteIds], str], str]] = {
    "expired a second ago": (lambda one: one.expired(1), "QUOTE_EXPIRED"),
    "expired a minute ago": (lambda one: one.expired(60), "QUOTE_EXPIRED"),
    "expired a year ago": (lambda one: one.expired(31_536_000), "QUOTE_EXPIRED"),
    "another partner's": (lambda one: one.foreign(), "QUOTE_UNKNOWN"),
    "another partner's, expired": (lambda one: one.expired(60, foreign=True), "QUOTE_UNKNOWN"),
    "another partner's, used": (lambda one: one.used(by_other=True), "QUOTE_UNKNOWN"),
    "replayed": (lambda one: one.used(), "QUOTE_USED"),
    "a visitor's": (lambda one: one.visitors(), "QUOTE_UNKNOWN"),
    "made one for anyone": (lambda one: one.for_anyone(), "QUOTE_UNKNOWN"),
    "signed with a key of another purpose": (
        lambda one: one.of_another_purpose(),
        "QUOTE_UNKNOWN",
    ),
    "signed with a key of another installation": (
        lambda one: one.of_another_installation(),
        "QUOTE_UNKNOWN",
    ),
    "signed by another quote": (
        lambda one: one.own().rpartition(".")[0] + "." + one.own().rpartition(".")[2],
        "QUOTE_UNKNOWN",
    ),
}
"""Signed quoteIds, each with the reason for which it cannot be used."""

BESIDE: dict[str, dict[str, object]] = {
    "an amount": {"amount": "0.01"},
    "an amount that is a number": {"amount": 0.01},
    "a direction": {"direction": "from"},
    "all amount fields": {"amount": "0.01", "direction": "from", "type": "float"},
    "a markup": {"afftax": 50},
    "a markup of zero": {"afftax": 0},
    "the whole swap": quote_request(),
    "another type": {"type": "fixed"},
    "a type that is none": {"type": "FLOAT"},
    "another source": {"fromCcy": "ltc"},
    "another destination": {"toCcy": "usdt_erc20"},
    "the pair reversed": {"fromCcy": "usdt_trc20", "toCcy": "btc"},
    "an unknown source": {"fromCcy": "nothing"},
    "another source by reference": {"from": {"chain": "litecoin"}},
    "an unknown chain": {"from": {"chain": "nowhere"}},
    "both forms of a source": {"fromCcy": "btc", "from": {"chain": "bitcoin"}},
    "a reference without a chain": {"from": {"contract": None}},
    "another network": {"fromNetwork": "Litecoin"},
    "no recipient": {"toAddress": None},
    "a recipient on another network": {"toAddress": ADDRESSES["refundAddress"]},
    "no refund address": {"refundAddress": ""},
    "a tag for a network without": {"tag": "1"},
    "a quote id that is a number": {"quoteId": 5},
    "a quote id that is a list": {"quoteId": []},
    "a quote id that is an object": {"quoteId": {}},
    "a quote id that is true": {"quoteId": True},
    "no quote id": {"quoteId": None},
}

MALFORMED_QUOTES: dict[str, dict[str, object]] = {
    "no type": {"type": None},
    "a type in capital letters": {"type": "FLOAT"},
    "no direction": {"direction": None},
    "another direction": {"direction": "both"},
    "no amount": {"amount": None},
    "zero": {"amount": "0"},
    "a negative amount": {"amount": "-1"},
    "an exponent": {"amount": "1e-2"},
    "too many decimals": {"amount": "0.000000001"},
    "too many decimals of the destination": {"direction": "to", "amount": "1.0000001"},
    "too many digits": {"amount": "9" * 21},
    "an amount of an unknown asset that is none": {"fromCcy": "nothing", "amount": "x"},
    "no source": {"fromCcy": None},
    "a source that is a number": {"fromCcy": 1},
    "both forms of a source": {"from": {"chain": "bitcoin"}},
    "a chain id that is text": {"fromCcy": None, "from": {"chainId": "1"}},
    "a reference without a chain": {"fromCcy": None, "from": {}},
    "a misspelled contract": {"fromCcy": None, "from": {"chain": "ethereum", "contarct": "0x"}},
    "a markup": {"afftax": 1},
    "a region in small letters": {"region": "de"},
    "a region of three letters": {"region": "DEU"},
    "a region of one letter": {"region": "D"},
    "an empty region": {"region": ""},
    "a region that is not assigned": {"region": "UK"},
    "a region that is a number": {"region": 276},
    "a region with a space": {"region": "DE "},
    "a list of regions": {"region": ["DE"]},
}
