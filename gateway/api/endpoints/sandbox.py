"""/v1/sandbox: reach every status of an order, and every webhook, without a shell."""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from domain.actions.sandbox.request_step import request_step
from domain.actions.sandbox.steps import (
    MAX_ADVANCE_SECONDS,
    AdvanceStep,
    ConfirmStep,
    DepositStep,
    ExpireStep,
    PayoutStep,
    Step,
)
from domain.actions.webhooks.send_test import send_test
from domain.errors import DomainError, InvalidRequest, NotFound, RateLimited, Unavailable
from domain.money import parse_units
from domain.orders.wire import OrderOut
from domain.partners.scopes import FULL_OR_TRADE
from domain.partners.weights import Call
from domain.webhooks.events import EventType
from domain.wire import AmountIn, Identity, OrderIdIn
from gateway.api import examples
from gateway.api.endpoint import Endpoint, Example, Handle, Request, Services
from gateway.codec import Decoder, decimal_digits, success

MAX_PRECISION: Final = 18
"""That of any asset."""
_NO_AMOUNT: Final = msgspec.Raw(b"null")


class SandboxOrderIn(msgspec.Struct, frozen=True):
    """One of the caller's own orders."""

    id: OrderIdIn


class SandboxDepositIn(SandboxOrderIn, frozen=True):
    """A deposit: by default of what is missing, or of the agreed amount if nothing is."""

    # A union of Raw and None would be None only; null is the same as no amount.
    amount: AmountIn = msgspec.field(default_factory=lambda: _NO_AMOUNT)
    late: bool = False


class SandboxAdvanceIn(SandboxOrderIn, frozen=True):
    """By how much the order's clock is moved, at most a week."""

    seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_ADVANCE_SECONDS)]


Body = TypeVar("Body", bound=SandboxOrderIn)


class SandboxWebhookIn(msgspec.Struct, frozen=True):
    """The type of the test event: any, whether or not it is subscribed to."""

    type: EventType


class TestEventOut(msgspec.Struct, frozen=True):
    """The event, which is `X-Partner-Webhook-Id` of its delivery."""

    id: Identity


def _deposit(body: SandboxDepositIn) -> Step:
    if bytes(body.amount) == bytes(_NO_AMOUNT):
        return DepositStep(late=body.late)
    amount = decimal_digits(body.amount)
    try:
        parse_units(amount, MAX_PRECISION)  # settlement knows the precision of the order's asset
    except InvalidRequest as error:
        error.name_field("amount")
        raise
    return DepositStep(amount, body.late)


def _handle(wire_type: type[Body], step_of: Callable[[Body], Step], text: str) -> Handle:
    """Return the handler of a step; `text` is its description."""
    decode = Decoder(wire_type)

    async def perform(services: Services, request: Request) -> bytes:
        body = decode(request.body)
        ports = services.sandbox
        if ports is None:
            raise NotFound
        order = await request_step(
            ports, partner_id=request.partner_id, order_id=body.id, step=step_of(body)
        )
        return services.order_encoder.encode(order, now=services.clock.now())

    perform.__doc__ = text
    return perform


_decode_webhook = Decoder(SandboxWebhookIn)


async def webhook(services: Services, request: Request) -> bytes:
    """Send a test event of a type to the caller's URL: a complete document with made-up content.

    What it is about has the id of the event, and does not exist. At most 10 a minute. Without a
    URL, code 1.
    """
    body = _decode_webhook(request.body)
    if services.sandbox is None:
        raise NotFound
    event = await send_test(services.sandbox.webhooks, request.partner_id, body.type)
    return success(TestEventOut(str(event.id)))


def _endpoint(
    name: str,
    handle: Handle,
    summary: str,
    *,
    request_type: type[msgspec.Struct],
    example: Example,
    response_type: Any = OrderOut,
    errors: tuple[type[DomainError], ...] = (InvalidRequest, NotFound, Unavailable),
) -> Endpoint:
    return Endpoint(
        f"/sandbox/{name}",
        "POST",
        Call.SANDBOX,
        auth_required=True,
        scopes=FULL_OR_TRADE,
        handle=handle,
        summary=summary,
        request_type=request_type,
        response_type=response_type,
        errors=errors,
        example=example,
        sandbox_only=True,
    )


def _step(
    name: str, wire_type: type[SandboxOrderIn], handle: Handle, summary: str, example: Example
) -> Endpoint:
    return _endpoint(name, handle, summary, request_type=wire_type, example=example)


ENDPOINTS = (
    _step(
        "deposit",
        SandboxDepositIn,
        _handle(
            SandboxDepositIn,
            _deposit,
            "Let a deposit be seen. With `late`, an order that awaits one expires first.",
        ),
        "Simulate a deposit",
        examples.SANDBOX_DEPOSIT,
    ),
    _step(
        "confirm",
        SandboxOrderIn,
        _handle(SandboxOrderIn, lambda _: ConfirmStep(), "Confirm all deposits of the order."),
        "Simulate confirmations",
        examples.SANDBOX_CONFIRM,
    ),
    _step(
        "payout",
        SandboxOrderIn,
        _handle(
            SandboxOrderIn,
            lambda _: PayoutStep(),
            "Let the payout of an order in EXCHANGE be broadcast.",
        ),
        "Simulate the payout",
        examples.SANDBOX_PAYOUT,
    ),
    _step(
        "expire",
        SandboxOrderIn,
        _handle(SandboxOrderIn, lambda _: ExpireStep(), "End the time to pay of an order in NEW."),
        "Simulate expiry",
        examples.SANDBOX_EXPIRE,
    ),
    _step(
        "advance",
        SandboxAdvanceIn,
        _handle(
            SandboxAdvanceIn,
            lambda body: AdvanceStep(body.seconds),
            "Make the order's expiry, and the deadline to confirm its deposit, sooner.",
        ),
        "Advance an order's clock",
        examples.SANDBOX_ADVANCE,
    ),
    _endpoint(
        "webhook",
        webhook,
        "Send a test event",
        request_type=SandboxWebhookIn,
        response_type=TestEventOut,
        errors=(InvalidRequest, NotFound, RateLimited, Unavailable),
        example=examples.SANDBOX_WEBHOOK,
    ),
)
