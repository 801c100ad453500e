"""Orders that partners create from several threads, with keys by which they repeat a call."""

import json
import random
import time
from collections import Counter
from functools import partial
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import msgspec

from tests.support.callers import Callers, post
from tests.support.clients.partner import Partner, order_request

PATH: Final = "/v1/create"
BODY: Final = json.dumps(order_request()).encode()
NO_RESPONSE: Final = -1
REPETITIONS: Final = 0.1
"""Of the orders: how many are requested again later."""
PAUSE_SECONDS: Final = 0.03
AFTER_FAILURE_SECONDS: Final = 0.2
TIMEOUT_SECONDS: Final = 20.0


class Acknowledged(msgspec.Struct, frozen=True):
    """An order that its partner knows."""

    key: str
    order: UUID
    sent_at: float
    received_at: float
    partner: Partner


class OrderLoad(Callers):
    """Threads that create orders until stopped, each until it is acknowledged."""

    def __init__(self, partners: list[Partner], *, seed: int) -> None:
        super().__init__(
            partial(self._work, partner, random.Random(f"{seed}-{number}"))
            for number, partner in enumerate(partners)
        )
        self.codes: Counter[int] = Counter()
        self.acknowledged: list[Acknowledged] = []
        self.changed = 0
        """Calls with a key that returned another order than before."""
        self.longest_call = 0.0

    def first_after(self, moment: float) -> Acknowledged | None:
        """Return the first order that was requested and acknowledged after a time."""
        later = (one for one in reversed(self.acknowledged[-1000:]) if one.sent_at > moment)
        return min(later, key=lambda one: one.received_at, default=None)

    def _work(self, partner: Partner, chance: random.Random) -> None:
        connection = HTTPConnection(urlsplit(partner.base_url).netloc, timeout=TIMEOUT_SECONDS)
        own: list[Acknowledged] = []
        while not self.stopped.is_set():
            own.append(self._create(connection, partner, uuid4().hex))
            if chance.random() < REPETITIONS:
                known = chance.choice(own)
                again = self._create(connection, partner, known.key)
                self.changed += again.order != known.order
            time.sleep(PAUSE_SECONDS)
        connection.close()

    def _create(self, connection: HTTPConnection, partner: Partner, key: str) -> Acknowledged:
        while True:
            sent_at = time.monotonic()
            response = self._send(connection, partner, key)
            received_at = time.monotonic()
            with self.lock:
                self.codes[response["code"]] += 1
                self.longest_call = max(self.longest_call, received_at - sent_at)
                if response["code"] == 0:
                    order = UUID(response["data"]["id"])
                    found = Acknowledged(key, order, sent_at, received_at, partner)
                    self.acknowledged.append(found)
                    return found
            time.sleep(AFTER_FAILURE_SECONDS)

    def _send(self, connection: HTTPConnection, partner: Partner, key: str) -> dict[str, Any]:
        headers = partner.v2_headers(PATH, BODY)
        response = post(connection, PATH, BODY, {**headers, "Idempotency-Key": key})
        return {"code": NO_RESPONSE} if response is None else response
