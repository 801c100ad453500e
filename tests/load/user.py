"""One user of a load, who makes one call after the other for a partner."""

import json
import random
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any, Final

from tests.load.client import INVALID, NO_RESPONSE, PAGES, Client, Reply
from tests.load.orders import KnownOrder
from tests.load.partner import PASSWORD, LoadPartner
from tests.load.record import UNKNOWN, Call, Kind, Record
from tests.support.callers import LIMITED
from tests.support.clients.cabinet import Person
from tests.support.clients.partner import order_request, quote_request

AGAIN_SECONDS: Final = 0.3
UNPAID: Final = 0.1
"""Of the orders."""
DEPOSIT_SECONDS: Final = 15.0
"""After so long an order whose deposit had an unknown outcome gets one again."""
FINISH_SECONDS: Final = 120.0
SWAP_PAGE: Final = "/?from=btc&to=usdt_trc20&amount=0.01"
FEEDS: Final = ("/api/rates.xml", "/rates/float.json")
DASHBOARD: Final = ("/partner/dashboard", "/partner/orders")
LOGIN: Final = "/partner/login"


class User:
    """Signed calls on one connection, unsigned ones on another, and a browser."""

    def __init__(
        self,
        partner: LoadPartner,
        record: Record,
        chance: random.Random,
        *,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._partner = partner
        self._record = record
        self._chance = chance
        self._signed = Client(partner.api.base_url, tls)
        self._unsigned = Client(partner.api.base_url, tls)
        self._browser = Person(partner.api.base_url, tls=tls)
        self._unpaid: list[KnownOrder] = []
        self._uncertain: list[tuple[float, KnownOrder]] = []
        self._calls: dict[Kind, Callable[[], None]] = {
            Kind.QUOTE: self._quote,
            Kind.DISCOVERY: self._discover,
            Kind.CREATE: self._create,
            Kind.REPEAT: self._repeat,
            Kind.DEPOSIT: self._deposit,
            Kind.ORDER: self._read,
            Kind.LIST: self._list,
            Kind.SWAP_PAGE: lambda: self._page(Kind.SWAP_PAGE, SWAP_PAGE),
            Kind.DASHBOARD: self._dashboard,
            Kind.FEED: lambda: self._page(Kind.FEED, self._chance.choice(FEEDS)),
        }

    def perform(self, kind: Kind) -> None:
        """Make a call of a kind; nothing where there is no order for it."""
        self._calls[kind]()

    def finish(self) -> None:
        """Request the deposits that are left, and close the connections."""
        deadline = time.monotonic() + FINISH_SECONDS
        while (self._unpaid or self._uncertain) and time.monotonic() < deadline:
            self._deposit()
            time.sleep(AGAIN_SECONDS)
        self._signed.close()
        self._unsigned.close()

    def _quote(self) -> None:
        amount = str(round(self._chance.uniform(0.005, 0.02), 8))
        self._call(Kind.QUOTE, "/v1/price", quote_request(amount=amount), _quoted(amount))

    def _discover(self) -> None:
        sent_at = time.monotonic()
        reply = self._unsigned.call("/v1/pairs", b"{}", {})
        empty = reply.code == 0 and not reply.data
        self._add(Kind.DISCOVERY, reply, sent_at, "no pairs" if empty else "")

    def _create(self) -> None:
        reference = self._chance.randbytes(12).hex()
        request = order_request(externalId=reference)
        known = self._acknowledged(Kind.CREATE, reference, request)
        if known is not None and self._chance.random() >= UNPAID:
            self._unpaid.append(known)

    def _repeat(self) -> None:
        known = self._any_order()
        if known is not None:
            request = order_request(externalId=known.acknowledged["externalId"])
            self._acknowledged(Kind.REPEAT, known.key, request)

    def _acknowledged(self, kind: Kind, key: str, request: object) -> KnownOrder | None:
        """Create an order, as often as it takes; return None if it is rejected."""
        while True:
            sent_at = time.monotonic()
            reply = self._signed_call("/v1/create", request, {"Idempotency-Key": key})
            received_at = time.monotonic()
            if reply.code == 0:
                known, problem = self._partner.orders.acknowledge(
                    key, reply.data, sent_at=sent_at, received_at=received_at
                )
                self._add(kind, reply, sent_at, problem)
                return known
            self._add(kind, reply, sent_at)
            if reply.code not in {*UNKNOWN, LIMITED}:
                return None
            time.sleep(AGAIN_SECONDS)

    def _deposit(self) -> None:
        """Request the deposit of an order; only once, if it is not certain to be missing."""
        known = self._unpaid.pop(0) if self._unpaid else self._without_deposit()
        if known is None:
            return
        known.deposits += 1
        if not self._observed(Kind.DEPOSIT, "/v1/sandbox/deposit", {"id": known.id}):
            self._uncertain.append((time.monotonic() + DEPOSIT_SECONDS, known))

    def _without_deposit(self) -> KnownOrder | None:
        """Return an order whose deposit was requested a while ago, with an unknown outcome."""
        due = [one for one in self._uncertain if one[0] <= time.monotonic()]
        for one in due[:1]:
            _, known = one
            if self._observed(Kind.ORDER, "/v1/order", {"id": known.id}):
                self._uncertain.remove(one)
                return known if known.rank_before(time.monotonic()) == 0 else None
        return None

    def _read(self) -> None:
        known = self._any_order()
        if known is not None:
            self._observed(Kind.ORDER, "/v1/order", {"id": known.id})

    def _observed(self, kind: Kind, path: str, request: object) -> bool:
        """Make a call that returns an order; return whether it succeeded."""

        def contradiction(document: Any, sent_at: float) -> str:
            return self._partner.orders.observe(
                document, sent_at=sent_at, received_at=time.monotonic()
            )

        return self._call(kind, path, request, contradiction)

    def _list(self) -> None:
        def contradiction(data: Any, sent_at: float) -> str:
            now, orders = time.monotonic(), self._partner.orders
            problems = (
                orders.observe(one, sent_at=sent_at, received_at=now) for one in data["orders"]
            )
            return "; ".join(filter(None, problems))

        limit = self._chance.choice((10, 50, 100))
        self._call(Kind.LIST, "/v1/orders", {"limit": limit}, contradiction)

    def _page(self, kind: Kind, path: str) -> None:
        sent_at = time.monotonic()
        reply = self._unsigned.get(path)
        version = f"{path} {reply.headers['etag']}" if kind == Kind.FEED and reply.code == 0 else ""
        self._add(kind, reply, sent_at, version=version)

    def _dashboard(self) -> None:
        """Read a page; sign in if there is no session, or not any more."""
        sent_at = time.monotonic()
        path = self._chance.choice(DASHBOARD)
        status = 0
        with suppress(OSError, HTTPException):
            response = self._browser.get(path)
            if response.headers.get("location", "").startswith(LOGIN):
                response = self._browser.sign_in(self._partner.email, PASSWORD)
            status = response.status
        code = PAGES.get(status, INVALID) if status else NO_RESPONSE
        self._add(Kind.DASHBOARD, Reply(code, status), sent_at)

    def _call(
        self, kind: Kind, path: str, request: object, contradiction: Callable[[Any, float], str]
    ) -> bool:
        sent_at = time.monotonic()
        reply = self._signed_call(path, request, {})
        problem = contradiction(reply.data, sent_at) if reply.code == 0 else ""
        self._add(kind, reply, sent_at, problem)
        return reply.code == 0

    def _signed_call(self, path: str, request: object, headers: dict[str, str]) -> Reply:
        body = json.dumps(request).encode()
        return self._signed.call(
            path, body, {**self._partner.api.v2_headers(path, body), **headers}
        )

    def _add(
        self, kind: Kind, reply: Reply, sent_at: float, problem: str = "", *, version: str = ""
    ) -> None:
        if reply.code == INVALID:
            problem = f"status {reply.status}: {reply.document}"
        now = time.monotonic()
        self._record.add(Call(kind, reply.code, sent_at, now, problem, version))

    def _any_order(self) -> KnownOrder | None:
        orders = self._partner.orders.all()
        return self._chance.choice(orders) if orders else None


def _quoted(amount: str) -> Callable[[Any, float], str]:
    """Return what compares a quote with the amount that was requested."""

    def contradiction(data: Any, _: float) -> str:
        quoted = data["from"]["amount"]
        return "" if float(quoted) == float(amount) else f"quoted {quoted} instead of {amount}"

    return contradiction
