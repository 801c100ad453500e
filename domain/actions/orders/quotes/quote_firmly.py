"""Quote a swap firmly: with a quoteId that opens an order, or with all problems that apply."""

from enum import StrEnum
from typing import Final

import msgspec

from domain.actions.orders.ports import QuotePorts
from domain.actions.orders.quote import SwapRequest, quote
from domain.asset_reference import AssetSelector
from domain.assets import Asset, Catalogue, Pair
from domain.errors import InvalidRequest, Maintenance, RatesUnavailable, Unavailable
from domain.market.limits import Headroom
from domain.market.ports import Market
from domain.market.pricing import Direction, PricedPair, Quote
from domain.money import parse_units
from domain.orders.quotes.firm_quote import Holder
from domain.orders.states import RateType

MAX_PRECISION: Final = 18
"""That of any asset: the decimals that an amount of an unknown asset may have."""


class ProblemType(StrEnum):
    """Why no order can be opened for a swap, in the order in which problems are listed."""

    ASSET_UNSUPPORTED = "ASSET_UNSUPPORTED"
    RECEIVE_DISABLED = "RECEIVE_DISABLED"
    SEND_DISABLED = "SEND_DISABLED"
    PAIR_UNSUPPORTED = "PAIR_UNSUPPORTED"
    LIMIT_MIN = "LIMIT_MIN"
    LIMIT_MAX = "LIMIT_MAX"
    RESERVE_EXCEEDED = "RESERVE_EXCEEDED"
    REGION_RESTRICTED = "REGION_RESTRICTED"
    RATE_UNAVAILABLE = "RATE_UNAVAILABLE"
    MAINTENANCE = "MAINTENANCE"


class SwapProblem(msgspec.Struct, frozen=True):
    """A problem; `side` is that of its asset. Limits are in smallest units of both assets."""

    type: ProblemType
    side: Direction | None = None
    limits: tuple[int, int] | None = None


class OfferedSwap(msgspec.Struct, frozen=True, gc=False):
    """A swap as offered: priced where that is possible, and with a quoteId unless it has problems.

    An asset is None if it is not known. `amount` is the requested amount in smallest units, None
    if the asset that it is of is not known.
    """

    request: SwapRequest
    quoted: Quote | None
    quote_id: bytes | None = None
    valid_until: int | None = None
    source: Asset | None = None
    destination: Asset | None = None
    amount: int | None = None
    problems: tuple[SwapProblem, ...] = ()


def quote_firmly(
    ports: QuotePorts,
    request: SwapRequest,
    *,
    markup_bps: int,
    holder: Holder,
    region: str | None = None,
) -> OfferedSwap:
    """Return a firm quote for `holder`, or the problems; raise InvalidRequest for a bad amount."""
    try:
        quoted = quote(ports.market, request, markup_bps=markup_bps)
    except (InvalidRequest, Maintenance, Unavailable):
        quoted = None
    if (
        quoted is None
        or quoted.problems
        or (region is not None and _is_restricted(ports.market.catalogue, region))
    ):
        return _explain(ports.market, request, markup_bps=markup_bps, region=region)
    return OfferedSwap(request, quoted, *ports.quotes.sign(quoted, request, holder, region))


def _is_restricted(catalogue: Catalogue, region: str | None) -> bool:
    return region is not None and region in catalogue.restricted_regions


def _explain(
    market: Market, request: SwapRequest, *, markup_bps: int, region: str | None
) -> OfferedSwap:
    """Return a swap that cannot be opened with all its problems; raise InvalidRequest."""
    try:
        catalogue = market.catalogue
    except Unavailable:
        _parsed(request.amount, None)
        unavailable = (SwapProblem(ProblemType.RATE_UNAVAILABLE),)
        return OfferedSwap(request, None, problems=unavailable)
    source = _offered(catalogue, request.source)
    destination = _offered(catalogue, request.destination)
    side = source if request.direction is Direction.FROM else destination
    amount = _parsed(request.amount, side)
    problems = _problems_of_assets(catalogue, request, source, destination)
    quoted = None
    if source is not None and destination is not None:
        pair = Pair(source, destination, catalogue.bounds(source.code, destination.code))
        try:
            priced = _priced(market, pair, request.rate_type, markup_bps=markup_bps)
        except RatesUnavailable:
            problems.append(SwapProblem(ProblemType.RATE_UNAVAILABLE))
        else:
            quoted = priced.quote(request.direction, amount)
            problems += _problems_of_amounts(market.headroom, request, quoted)
    if _is_restricted(catalogue, region):
        problems.append(SwapProblem(ProblemType.REGION_RESTRICTED))
    if catalogue.switches.maintenance:
        problems.append(SwapProblem(ProblemType.MAINTENANCE))
    order = list(ProblemType)
    return OfferedSwap(
        request,
        quoted,
        source=source,
        destination=destination,
        amount=amount if side is not None else None,
        problems=tuple(sorted(problems, key=lambda problem: order.index(problem.type))),
    )


def _parsed(amount: str, side: Asset | None) -> int:
    """Return an amount of an asset, which may be unknown, in smallest units; InvalidRequest."""
    try:
        return parse_units(amount, MAX_PRECISION if side is None else side.precision)
    except InvalidRequest as error:
        error.name_field("amount")
        raise


def _offered(catalogue: Catalogue, wanted: AssetSelector) -> Asset | None:
    asset = catalogue.find(wanted)
    return asset if asset is not None and asset.enabled else None


def _problems_of_assets(
    catalogue: Catalogue, request: SwapRequest, source: Asset | None, destination: Asset | None
) -> list[SwapProblem]:
    problems = []
    if source is None:
        problems.append(SwapProblem(ProblemType.ASSET_UNSUPPORTED, Direction.FROM))
    elif not source.receivable:
        problems.append(SwapProblem(ProblemType.RECEIVE_DISABLED, Direction.FROM))
    if destination is None:
        problems.append(SwapProblem(ProblemType.ASSET_UNSUPPORTED, Direction.TO))
    elif not destination.sendable:
        problems.append(SwapProblem(ProblemType.SEND_DISABLED, Direction.TO))
    if source is None or destination is None:
        return problems
    codes = source.code, destination.code
    is_offered = request.rate_type is not RateType.FIXED or catalogue.switches.fixed_rates
    if source is destination or codes in catalogue.disabled_pairs or not is_offered:
        problems.append(SwapProblem(ProblemType.PAIR_UNSUPPORTED))
    return problems


def _priced(market: Market, pair: Pair, rate_type: RateType, *, markup_bps: int) -> PricedPair:
    """Return a pair at the current prices, whether or not it is offered; raise RatesUnavailable."""
    premium = market.catalogue.fixed_rate_terms.premium_bps if rate_type is RateType.FIXED else 0
    return PricedPair(pair, market.snapshot(), markup_bps=markup_bps, premium_bps=premium)


def _problems_of_amounts(
    headroom: Headroom, request: SwapRequest, quoted: Quote
) -> list[SwapProblem]:
    if request.rate_type is RateType.FIXED:
        headroom = headroom.for_fixed_rate()
    priced, problems = quoted.priced, []
    least = priced.least_sent, priced.least_payout
    most = priced.greatest_amounts(headroom)
    is_sent = request.direction is Direction.FROM
    amount, side = (quoted.source_amount, 0) if is_sent else (quoted.destination_amount, 1)
    if amount < least[side]:
        problems.append(SwapProblem(ProblemType.LIMIT_MIN, limits=least))
    if amount > most[side]:
        problems.append(SwapProblem(ProblemType.LIMIT_MAX, limits=most))
    if not priced.is_covered(quoted.destination_amount, headroom):
        problems.append(SwapProblem(ProblemType.RESERVE_EXCEEDED))
    return problems
