"""The named cases of bad input, as calls of the fuzz run: each with the codes it may return."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

from domain.partners.scopes import Scope
from gateway.api.endpoints import ENDPOINTS
from tests.conftest import Running
from tests.support.bad_input import addresses, assets, keys, lists, quotes, references
from tests.support.builders.issued_quotes import IssuedQuotes
from tests.support.clients.partner import Partner, order_request, quote_request

REJECTED = frozenset({1})
QUOTE_INVALID = frozenset({15})
SCOPE = frozenset({16})
ACCEPTED = frozenset({0})
AN_ID = "018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47"


class NamedCase(NamedTuple):
    """A call: method and path as in the document, and the key that signs it, None for none."""

    name: str
    method: str
    path: str
    body: bytes
    key: Partner | None
    codes: frozenset[int]


class Orders:
    """The orders of a partner and of another one; see lists.KnownOrders."""

    def __init__(self, partner: Partner, other: Partner) -> None:
        self._partner = partner
        self._other = other
        self.ids = [_opened(partner)["id"] for _ in range(3)]
        self.foreign, _ = _opened(other), _opened(other)

    def cursor(self, **fields: object) -> str:
        return _cursor(self._partner, fields)

    def foreign_cursor(self, **fields: object) -> str:
        return _cursor(self._other, fields)


def named_cases(running: Running) -> Iterator[NamedCase]:
    """Yield all named cases, for new partners of a running service."""
    issued = IssuedQuotes(running)
    partner = issued.partner
    yield from _of_quotes(issued)
    yield from _of_lists(partner, Orders(partner, issued.other))
    yield from _of_assets(partner)
    created = order_request()
    for name, changes in references.INVALID.items():
        yield _call(f"order with {name}", "/create", {**created, **changes}, partner, REJECTED)
    for name, text in references.INVALID_TEXT.items():
        body = json.dumps(created)[:-1].encode() + b',"metadata":' + text + b"}"
        yield NamedCase(f"order with {name}", "POST", "/create", body, partner, REJECTED)
    for name, request in addresses.INVALID.items():
        yield _call(f"address: {name}", "/address/validate", request, None, REJECTED)
    for name, overlap in keys.OVERLAPS.items():
        request = {"rotate": ["apiSecret"], "overlapSeconds": overlap}
        yield _call(f"overlap of {name}", "/keys/rotate", request, partner, REJECTED)
    yield from _of_scopes(running)


def _of_quotes(issued: IssuedQuotes) -> Iterable[NamedCase]:
    partner, path = issued.partner, "/create"
    for name, alter in quotes.ALTERED.items():
        request = {"quoteId": alter(issued.own()), **quotes.ADDRESSES}
        yield _call(f"quoteId altered: {name}", path, request, partner, QUOTE_INVALID)
    for name, (issue, _) in quotes.UNUSABLE.items():
        request = {"quoteId": issue(issued), **quotes.ADDRESSES}
        yield _call(f"quoteId {name}", path, request, partner, QUOTE_INVALID)
    for name, changes in quotes.BESIDE.items():
        request = {"quoteId": issued.own(), **quotes.ADDRESSES, **changes}
        yield _call(f"beside a quoteId: {name}", path, request, partner, REJECTED)
    for name, changes in quotes.MALFORMED_QUOTES.items():
        yield _call(f"quote with {name}", "/quote", quote_request(**changes), None, REJECTED)


def _of_lists(partner: Partner, orders: Orders) -> Iterable[NamedCase]:
    for name, request in lists.INVALID.items():
        yield _call(f"list with {name}", "/orders", request, partner, REJECTED)
    for name, changed in lists.FOREIGN.items():
        yield _call(f"cursor: {name}", "/orders", changed(orders), partner, REJECTED)
    for name, ids in lists.OMITTED.items():
        request = {"ids": ids(orders)}
        yield _call(f"statuses of {name}", "/orders/status", request, partner, ACCEPTED)
    for name, invalid in lists.INVALID_IDS.items():
        yield _call(f"statuses of {name}", "/orders/status", invalid, partner, REJECTED)


def _of_assets(partner: Partner) -> Iterable[NamedCase]:
    """A quote of an asset that is not known is a problem of the quote, not a malformed request."""
    created = {name: order_request()[name] for name in ("toAddress", "refundAddress")}
    for name, reference in assets.REFERENCES.items():
        sides = (("from", assets.asked(fromCcy=None)), ("to", assets.asked(toCcy=None)))
        for side, request in sides:
            named = {**request, side: reference}
            yield _call(f"{side}: {name}", "/price", named, None, REJECTED)
            yield _call(f"{side}: {name}", "/quote", named, None, REJECTED | ACCEPTED)
            yield _call(f"{side}: {name}", "/create", {**named, **created}, partner, REJECTED)
        validated = {"asset": reference, "address": addresses.ETHEREUM}
        yield _call(f"asset: {name}", "/address/validate", validated, None, REJECTED)
    for name, body in assets.BODIES.items():
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        yield NamedCase(f"price of {name}", "POST", "/price", raw, None, REJECTED)


def _of_scopes(running: Running) -> Iterable[NamedCase]:
    """Calls of each endpoint with a key of each scope that does not permit it."""
    email = f"{uuid4().hex}@scopes.example"
    running.json("partner", "create", "--email", email)
    running.json("partner", "set", email, "--budget", "1000000")
    for scope in Scope:
        created = running.json("key", "create", email, "--scope", scope.value)
        key = Partner(running.base_url, created["apiKey"], created["apiSecret"])
        for one in ENDPOINTS:
            if scope not in one.scopes:
                example = one.example.request
                body = b"" if example is None else json.dumps(example).encode()
                name = f"scope {scope.value}"
                yield NamedCase(name, one.method, one.path, body, key, SCOPE)


def _call(
    name: str, path: str, request: Any, key: Partner | None, codes: frozenset[int]
) -> NamedCase:
    return NamedCase(name, "POST", path, json.dumps(request).encode(), key, codes)


def _opened(partner: Partner) -> dict[str, Any]:
    opened: dict[str, Any] = partner.call("/create", order_request(toCcy="trx")).data
    return opened


def _cursor(partner: Partner, fields: dict[str, object]) -> str:
    return str(partner.call("/orders", {"limit": 1, **fields}).data["cursor"])
