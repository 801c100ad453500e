"""Use a quoteId: verify it, and check what has changed since it was issued."""

from uuid import UUID

import msgspec

from domain.actions.orders.ports import OrderPorts
from domain.actions.orders.quote import QuotedSwap
from domain.asset_reference import DESTINATION, SOURCE
from domain.assets import Catalogue, Pair
from domain.errors import QUOTE_ID, InvalidRequest, Maintenance, QuoteInvalid, QuoteMismatch
from domain.market.pricing import Direction, Quote
from domain.money import parse_units
from domain.orders.quotes.firm_quote import Audience, FirmQuote
from domain.orders.states import RateType
from domain.reasons import Reason


class OrderTerms(msgspec.Struct, frozen=True):
    """What an order is opened with; `quote_id` is that inside its quoteId."""

    rate_type: RateType
    quoted: Quote
    code_id: UUID | None
    quote_id: UUID | None = None


def use_quote(
    ports: OrderPorts,
    swap: QuotedSwap,
    *,
    partner_id: UUID,
    code_id: UUID | None,
    visitors_markup_bps: int | None,
) -> OrderTerms:
    """Return the terms of a quoteId, with the problems that they have now.

    `code_id` is that of the call, which applies to a quote that was made for anyone. The markup is
    that of a visitor of the swap page, None for a partner. Raises QuoteInvalid, QuoteMismatch,
    InvalidRequest for a pair that is no longer offered, Maintenance and Unavailable.
    """
    catalogue, is_visitor = ports.market.catalogue, visitors_markup_bps is not None
    firm = ports.quotes.verify(
        swap.quote_id, partner_id=partner_id, visitor=is_visitor, at=ports.clock.now()
    )
    attributed = firm.holder.code_id, firm.markup_bps
    if is_visitor and attributed != (code_id, visitors_markup_bps):
        raise QuoteInvalid(
            "the visitor is attributed to another code now", reason=Reason.QUOTE_UNKNOWN
        )
    if catalogue.switches.maintenance:
        raise Maintenance
    if firm.region in catalogue.restricted_regions:
        raise QuoteInvalid("its region is restricted now", reason=Reason.REGION_RESTRICTED)
    try:
        quoted = firm.priced_again(catalogue, headroom=ports.market.headroom)
    except InvalidRequest as error:  # of the pair or the type, which the request need not name
        error.field = QUOTE_ID
        raise
    _check_match(catalogue, swap, firm, quoted.priced.pair)
    bound = firm.source_amount, firm.destination_amount, firm.rate
    if (quoted.source_amount, quoted.destination_amount, quoted.priced.rate) != bound:
        raise QuoteInvalid("it is priced in another way now", reason=Reason.QUOTE_EXPIRED)
    is_bound = firm.holder.audience is not Audience.ANYONE
    return OrderTerms(firm.rate_type, quoted, firm.holder.code_id if is_bound else code_id, firm.id)


def _check_match(catalogue: Catalogue, swap: QuotedSwap, firm: FirmQuote, pair: Pair) -> None:
    """Raise QuoteMismatch if the request names another swap than the quote."""
    if swap.rate_type not in (None, firm.rate_type):
        raise QuoteMismatch("the quote is of another type", field="type")
    if swap.direction not in (None, firm.direction):
        raise QuoteMismatch("the quote is of another direction", field="direction")
    for named, asset, fields in (
        (swap.source, pair.source, SOURCE),
        (swap.destination, pair.destination, DESTINATION),
    ):
        found = None if named is None else catalogue.find(named)
        if named is not None and (found is None or found.code != asset.code):
            raise QuoteMismatch("the quote is of another pair", field=fields.naming(named))
    if swap.amount is not None and not _is_amount(swap.amount, firm, pair):
        raise QuoteMismatch("the quote is of another amount", field="amount")


def _is_amount(text: str, firm: FirmQuote, pair: Pair) -> bool:
    is_sent = firm.direction is Direction.FROM
    asset = pair.source if is_sent else pair.destination
    try:
        amount = parse_units(text, asset.precision)
    except InvalidRequest:
        return False
    return amount == (firm.source_amount if is_sent else firm.destination_amount)
