"""What an endpoint is: a path, a method, a weight, who may call, and the function that answers."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from domain.ports import Clock, Market, OrderOpening
from domain.weights import Call
from gateway.auth import Caller


class DiscoveryBytes(Protocol):
    """Answers made in the background."""

    @property
    def currencies(self) -> bytes:
        """Return the answer of /v1/currencies; raise Unavailable before there is one."""

    @property
    def pairs(self) -> bytes:
        """Return the answer of /v1/pairs; raise Unavailable before there is one."""


class Services(msgspec.Struct, frozen=True):
    """What the endpoints work with."""

    clock: Clock
    market: Market
    opening: OrderOpening
    discovery: DiscoveryBytes


class Received(msgspec.Struct, frozen=True):
    """A call whose signature, if it needs or has one, is checked."""

    body: bytes
    caller: Caller | None
    idempotency_key: str | None

    @property
    def signed_by(self) -> Caller:
        """Return the caller of an endpoint that requires one."""
        if self.caller is None:
            raise RuntimeError("an endpoint that requires a signature was reached without one")
        return self.caller


Handle = Callable[[Services, Received], Awaitable[bytes]]


class Endpoint(msgspec.Struct, frozen=True):
    """A row of the table of endpoints. `path` stands below /v1 and /api/v1."""

    path: str
    method: str
    call: Call
    auth_required: bool
    handle: Handle
