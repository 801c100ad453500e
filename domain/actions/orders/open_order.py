"""Create an order: price it or use its quote, reject it for any problem, and store it."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from domain.actions.orders.ports import IdempotencyKey, OrderPorts
from domain.actions.orders.quote import QuotedSwap, SwapRequest, quote
from domain.actions.orders.quotes.use_quote import OrderTerms, use_quote
from domain.assets import Pair
from domain.chains.addresses import check_address, check_tag
from domain.errors import (
    QUOTE_ID,
    AboveMaximum,
    AmountRejected,
    BelowMinimum,
    DomainError,
    InvalidAddress,
    InvalidRequest,
    ReserveExceeded,
)
from domain.market.pricing import QuoteProblem
from domain.orders.order import LIFETIME, Order
from domain.orders.references import References
from domain.orders.states import State
from domain.partners.credentials import new_secret, token_hash
from domain.reasons import Reason

_ERRORS: dict[QuoteProblem, type[DomainError]] = {
    QuoteProblem.LIMIT_MIN: BelowMinimum,
    QuoteProblem.LIMIT_MAX: AboveMaximum,
    QuoteProblem.RESERVE: ReserveExceeded,
}


class OrderRequest(msgspec.Struct, frozen=True):
    """The order to create: partner, swap, markup and addresses.

    The code and the markup of a quote that was made for the partner take precedence.
    """

    partner_id: UUID
    code_id: UUID | None
    swap: SwapRequest | QuotedSwap
    markup_bps: int
    destination_address: str
    destination_tag: str | None
    refund_address: str
    source_network: str | None
    destination_network: str | None
    refund_tag: str | None = None
    references: References = References()
    client: bytes | None = None
    """The keyed hash of the client's address, if the request is unsigned."""
    client_networks: tuple[bytes, ...] = ()
    """Those of the larger networks that the client is in."""
    codes: Mapping[UUID, str] = {}
    """The partner's codes by id, for the one that a quote was made with."""


class Opened(msgspec.Struct, frozen=True):
    """A created order, and its access token unless the request was a repetition."""

    order: Order
    token: str | None


async def open_order(
    ports: OrderPorts, request: OrderRequest, *, idempotency: IdempotencyKey | None
) -> Opened:
    """Create an order, or return the one that this Idempotency-Key created before.

    Raises InvalidRequest (InvalidAddress, IdempotencyConflict), BelowMinimum, AboveMaximum
    (UnpaidCapExceeded), ReserveExceeded, Maintenance and Unavailable; for a quoteId also
    QuoteInvalid and QuoteMismatch. Rates, bounds, switches and the quoteId apply to new orders
    only: a repetition returns its order whatever has changed since. Of amounts that are rejected,
    the field is that of the request: with a quote it has no other than the quoteId.
    """
    try:
        return await _open(ports, request, idempotency)
    except AmountRejected as error:
        if isinstance(request.swap, QuotedSwap):
            error.field = QUOTE_ID
        raise


async def _open(
    ports: OrderPorts, request: OrderRequest, idempotency: IdempotencyKey | None
) -> Opened:
    try:
        terms = _terms(ports, request)
        order = _draft(ports, request, terms)
    except DomainError:
        if idempotency is not None:
            existing = await ports.orders.repeated(request.partner_id, idempotency)
            if existing is not None:
                return Opened(existing, None)
        raise
    token = new_secret(ports.randomness)
    opened = await ports.orders.open(
        order,
        token_hash=token_hash(token),
        idempotency=idempotency,
        client=request.client,
        client_networks=request.client_networks,
        quote_id=terms.quote_id,
    )
    return Opened(opened.order, None if opened.repeated else token)


def _terms(ports: OrderPorts, request: OrderRequest) -> OrderTerms:
    swap = request.swap
    if isinstance(swap, QuotedSwap):
        return use_quote(
            ports,
            swap,
            partner_id=request.partner_id,
            code_id=request.code_id,
            visitors_markup_bps=None if request.client is None else request.markup_bps,
        )
    quoted = quote(ports.market, swap, markup_bps=request.markup_bps)
    return OrderTerms(swap.rate_type, quoted, request.code_id)


def _draft(ports: OrderPorts, request: OrderRequest, terms: OrderTerms) -> Order:
    quoted = terms.quoted
    priced = quoted.priced
    _check_addresses(request, priced.pair)
    for problem in quoted.problems:
        raise _ERRORS[problem](f"{priced.pair.source.code} to {priced.pair.destination.code}")
    now = ports.clock.now()
    return Order(
        id=ports.new_id(),
        partner_id=request.partner_id,
        code_id=terms.code_id,
        rate_type=terms.rate_type,
        state=State.AWAITING_DEPOSIT,
        source=priced.pair.source,
        destination=priced.pair.destination,
        source_amount=quoted.source_amount,
        destination_amount=quoted.destination_amount,
        rate=priced.rate,
        network_fee=priced.network_fee,
        fee_bps=priced.margin.fee_bps,
        markup_bps=priced.margin.markup_bps,
        destination_address=request.destination_address,
        destination_tag=request.destination_tag,
        refund_address=request.refund_address,
        refund_tag=request.refund_tag,
        references=_references(request, terms),
        pay_in_address="",
        pay_in_tag=None,
        created_at=now,
        expires_at=now + LIFETIME,
        worth_usd=quoted.worth_usd,
        updated_at=now,
    )


def _references(request: OrderRequest, terms: OrderTerms) -> References:
    """Return the references of an order, with the code that it is attributed to."""
    if terms.code_id == request.code_id:
        return request.references
    code = None if terms.code_id is None else request.codes.get(terms.code_id)
    return msgspec.structs.replace(request.references, code=code)


def _check_addresses(request: OrderRequest, pair: Pair) -> None:
    source, destination = pair.source, pair.destination
    if request.source_network not in (None, source.network):
        raise InvalidRequest(
            f"{source.code} isn't on {request.source_network!r}",
            field="fromNetwork",
            reason=Reason.NETWORK,
        )
    if request.destination_network not in (None, destination.network):
        raise InvalidRequest(
            f"{destination.code} isn't on {request.destination_network!r}",
            field="toNetwork",
            reason=Reason.NETWORK,
        )
    if not request.refund_address:
        raise InvalidAddress(
            "a refund address is required", field="refundAddress", reason=Reason.MISSING
        )
    field = "toAddress"
    try:
        check_address(destination.network, request.destination_address)
        field = "tag"
        check_tag(destination.network, request.destination_tag)
        field = "refundAddress"
        check_address(source.network, request.refund_address)
        field = "refundTag"
        check_tag(source.network, request.refund_tag)
    except InvalidAddress as error:
        error.name_field(field)
        raise
