"""What an endpoint is: where it is, who may call, the function that answers, what it is told by."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from domain.actions.orders.ports import OrderPorts
from domain.actions.partners.ports import CodePorts, RotationPorts
from domain.clock import Clock
from domain.errors import DomainError
from domain.market.ports import Market
from domain.partners.weights import Call
from gateway.api.authentication import Caller
from gateway.api.order_encoding import OrderEncoder
from gateway.api.qr_codes import QrCodes
from gateway.api.quote_encoding import QuoteEncoder


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
    opening: OrderPorts
    rotation: RotationPorts
    codes: CodePorts
    discovery: DiscoveryBytes
    qr_codes: QrCodes
    quote_encoder: QuoteEncoder
    order_encoder: OrderEncoder


class Request(msgspec.Struct, frozen=True):
    """A call whose signature, if it needs or has one, is checked."""

    body: bytes
    caller: Caller | None
    idempotency_key: str | None
    parameter: str | None = None
    """The last segment of the path, where the endpoint's path ends with a parameter."""

    @property
    def signed_by(self) -> Caller:
        """Return the caller of an endpoint that requires one."""
        if self.caller is None:
            raise RuntimeError("an endpoint that requires a signature was reached without one")
        return self.caller


Handle = Callable[[Services, Request], Awaitable[bytes] | bytes]
"""Answers a call; a plain function where there is nothing to wait for."""


class Example(msgspec.Struct, frozen=True):
    """A request and the `data` it may be answered with, as JSON has them; tests hold them true."""

    request: Mapping[str, object] | None
    data: object


class Endpoint(msgspec.Struct, frozen=True):
    """A row of the table of endpoints. `path` stands below /v1 and /api/v1.

    Its last part may be a parameter, `{id}`: such a path is served on BlackSheep.

    Everything from `summary` on is what /openapi.json tells of it.
    """

    path: str
    method: str
    call: Call
    auth_required: bool
    handle: Handle
    summary: str
    """A few words, without a full stop; the handle's docstring says more."""
    takes: type[msgspec.Struct] | None
    """The wire type of the request; None where there is no body."""
    gives: Any
    """The type of the answer's `data`."""
    refusals: tuple[type[DomainError], ...]
    """What can stop it, besides what can stop every call: see `gateway/openapi/responses.py`."""
    example: Example
