"""Signed calls from several threads, and repetitions of those that were accepted."""

import random
import time
from collections import Counter, deque
from functools import partial
from http.client import HTTPConnection
from itertools import islice
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from tests.support.callers import Callers, post
from tests.support.clients.partner import Partner

PATH: Final = "/v1/pairs"
BODY: Final = b"{}"
REPEATABLE_SECONDS: Final = 280.0
"""A nonce is remembered for longer."""
REPETITIONS: Final = 0.1
"""Of all calls."""
WINDOW_SECONDS: Final = 60.0
TIMEOUT_SECONDS: Final = 10.0


class Accepted(msgspec.Struct, frozen=True):
    """A call that was accepted between two times of the monotonic clock."""

    sent_at: float
    received_at: float
    headers: dict[str, str]


class PartnerCalls:
    """The calls of one partner."""

    def __init__(self, partner: Partner, budget: int) -> None:
        self.partner = partner
        self.budget = budget
        self.accepted: deque[Accepted] = deque()

    def most_in_a_window(self) -> int:
        """Return the most calls that were certainly admitted within one window.

        A call was admitted at some time between those of its request and of its response.
        """
        if len(self.accepted) <= self.budget:
            return len(self.accepted)
        calls = sorted(self.accepted, key=lambda one: one.sent_at)
        most = 0
        for index, first in enumerate(calls):
            end, admitted = first.sent_at + WINDOW_SECONDS, 0
            for call in islice(calls, index, None):
                if call.sent_at > end:
                    break
                admitted += call.received_at <= end
            most = max(most, admitted)
        return most


class Load(Callers):
    """Threads that call until stopped, and what was returned."""

    def __init__(self, base_url: str, partners: list[PartnerCalls], *, seed: int) -> None:
        super().__init__(
            partial(self._call_until_stopped, random.Random(f"{seed}-{n}"))
            for n in range(len(partners) * 2)
        )
        self._host = urlsplit(base_url).netloc
        self._partners = partners
        self.codes: Counter[int] = Counter()
        self.repetitions: Counter[int] = Counter()
        self.broken = 0

    @property
    def calls(self) -> int:
        """The calls so far, without repetitions."""
        return self.codes.total()

    def repeat_all(self) -> None:
        """Repeat every call whose nonce must still be known."""
        connection = self._connection()
        for calls in self._partners:
            for call in list(calls.accepted):
                if time.monotonic() - call.sent_at < REPEATABLE_SECONDS:
                    self._repeat(connection, call)
        connection.close()

    def _call_until_stopped(self, chance: random.Random) -> None:
        connection = self._connection()
        while not self.stopped.is_set():
            calls = chance.choice(self._partners)
            if calls.accepted and chance.random() < REPETITIONS:
                call = calls.accepted[chance.randrange(len(calls.accepted))]
                if time.monotonic() - call.sent_at < REPEATABLE_SECONDS:
                    self._repeat(connection, call)
            self._call(connection, calls)
        connection.close()

    def _call(self, connection: HTTPConnection, calls: PartnerCalls) -> None:
        headers = calls.partner.v2_headers(PATH, BODY, nonce=uuid4().hex)
        sent_at = time.monotonic()
        code = self._send(connection, headers)
        now = time.monotonic()
        with self.lock:
            if code is None:
                self.broken += 1
                return
            self.codes[code] += 1
            if code == 0:
                calls.accepted.append(Accepted(sent_at, now, headers))

    def _repeat(self, connection: HTTPConnection, call: Accepted) -> None:
        code = self._send(connection, call.headers)
        with self.lock:
            self.repetitions[-1 if code is None else code] += 1

    def _send(self, connection: HTTPConnection, headers: dict[str, str]) -> int | None:
        """Return the code of the response, None where there was none."""
        response = post(connection, PATH, BODY, headers)
        return None if response is None else int(response["code"])

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(self._host, timeout=TIMEOUT_SECONDS)
