"""An endpoint: its path and method, its handler, and its part of the OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from uuid import UUID

import msgspec

from domain.actions.chains.validate_address import OwnAddresses
from domain.actions.orders.lists.list_orders import ListPorts
from domain.actions.orders.ports import OrderPorts
from domain.actions.partners.ports import CodePorts, RotationPorts
from domain.actions.sandbox.ports import SandboxRequestPorts
from domain.clock import Clock
from domain.errors import DomainError
from domain.market.ports import Market
from domain.partners.scopes import Scopes
from domain.partners.weights import Call
from gateway.api.authentication import Caller
from gateway.api.order_encoding import OrderEncoder
from gateway.api.quotes.firm_quote_encoding import FirmQuoteEncoder
from gateway.api.quotes.quote_encoding import QuoteEncoder
from gateway.runtime.qr_codes import QrCodes


class DiscoveryResponses(Protocol):
    """Response bodies that are encoded in the background."""

    @property
    def currencies(self) -> bytes:
        """Return the body of /v1/currencies; raise Unavailable before it was first encoded."""

    @property
    def pairs(self) -> bytes:
        """Return the body of /v1/pairs; raise Unavailable before it was first encoded."""


class Services(msgspec.Struct, frozen=True):
    """The ports, caches and encoders that endpoints use."""

    clock: Clock
    market: Market
    order_ports: OrderPorts
    list_ports: ListPorts
    own_addresses: OwnAddresses
    rotation_ports: RotationPorts
    code_ports: CodePorts
    discovery: DiscoveryResponses
    qr_codes: QrCodes
    quote_encoder: QuoteEncoder
    firm_quote_encoder: FirmQuoteEncoder
    order_encoder: OrderEncoder
    sandbox: SandboxRequestPorts | None
    """None outside sandbox mode."""


class Request(msgspec.Struct, frozen=True):
    """An admitted call. `caller` is None for an unsigned call."""

    body: bytes
    caller: Caller | None
    idempotency_key: str | None
    parameter: str | None = None
    """The last segment of the path, where the endpoint's path ends with a parameter."""

    @property
    def signed_caller(self) -> Caller:
        """Return the caller of an endpoint with `auth_required`."""
        if self.caller is None:
            raise RuntimeError("an endpoint that requires authentication was called without it")
        return self.caller

    @property
    def partner_id(self) -> UUID:
        """Return the id of the partner that calls an endpoint with `auth_required`."""
        return self.signed_caller.partner.id


Handle = Callable[[Services, Request], Awaitable[bytes] | bytes]
"""Returns the response body; not a coroutine where there is no I/O to wait for."""


class Example(msgspec.Struct, frozen=True):
    """A request and the `data` of its response, as JSON; tests check them against the types.

    `other_requests` are in the other forms of the request, by the names of the examples.
    """

    request: Mapping[str, object] | None
    data: object
    other_requests: Mapping[str, Mapping[str, object]] = {}


class Endpoint(msgspec.Struct, frozen=True):
    """A row of the table of endpoints; `path` is relative to /v1 and /api/v1.

    The last segment of a path may be a parameter, `{id}`. The fields from `summary` on are used by
    the OpenAPI document only.
    """

    path: str
    method: str
    call: Call
    auth_required: bool
    scopes: Scopes
    """The scopes of keys that may make signed calls; FULL is one of them."""
    handle: Handle
    summary: str
    """A few words without a full stop; the docstring of `handle` is the description."""
    request_type: type[msgspec.Struct] | None
    """The wire type of the request; None where there is no body."""
    response_type: Any
    """The type of `data` in the response."""
    errors: tuple[type[DomainError], ...]
    """The errors of this endpoint, besides those of every call (gateway/openapi/responses.py)."""
    example: Example
    sandbox_only: bool = False
    """Whether the path exists in sandbox mode only."""
    any_origin: bool = False
    """Whether web pages of any origin may make unsigned calls (gateway/api/cors.py)."""
    other_request_types: tuple[type[msgspec.Struct], ...] = ()
    """The wire types of other forms of the request."""
