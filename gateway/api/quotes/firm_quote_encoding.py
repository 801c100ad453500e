"""The response of /v1/quote: from a layout unless the swap has problems."""

from functools import partial
from typing import Annotated, Any, Final

import msgspec

from domain.actions.orders.quotes.quote_firmly import OfferedSwap, ProblemType, SwapProblem
from domain.assets import Asset
from domain.chains.networks import NETWORKS
from domain.market.pricing import Direction, OfPricedPairs, PricedPair
from domain.market.valuation import usd_value
from domain.money import format_units
from domain.orders.quotes.quote_signing import MAX_LENGTH
from domain.orders.states import RateType
from domain.wire import (
    Amount,
    Bps,
    ChainId,
    ChainName,
    Contract,
    Precision,
    Rate,
    UnixSeconds,
    Usd,
    one_of,
)
from gateway.api.asset_encoding import asset_fields
from gateway.api.quotes import quote_layout as marks
from gateway.api.quotes.quote_layout import BTC, Layout, layout_of, side_fields
from gateway.codec import success

QuoteId = Annotated[str, msgspec.Meta(max_length=MAX_LENGTH, description="Opaque.")]

_QUOTE: Final = "@quote"
_UNTIL: Final = "@until"


class FirmQuoteSideOut(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One side of a firm quote, as of a quote. What is not known or cannot be computed is null."""

    code: str | None
    coin: str | None
    network: str | None
    chain: ChainName | None
    chain_id: ChainId | None = msgspec.field(name="chainId")
    contract: Contract | None
    amount: Amount | None
    rate: Rate | None
    precision: Precision | None
    min: Amount | None
    max: Amount | None
    usd: Usd | None


_UNKNOWN: Final[dict[str, None]] = dict.fromkeys(FirmQuoteSideOut.__struct_fields__)


class FirmQuoteSourceOut(FirmQuoteSideOut, frozen=True, kw_only=True, gc=False):
    """The source side also has its value in BTC; null where BTC has no price."""

    btc: Amount | None


class SwapProblemOut(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why no order can be opened. Asset problems have a `side`, limits are in both assets."""

    type: Annotated[str, one_of(ProblemType)]
    side: Annotated[str, one_of(Direction)] | msgspec.UnsetType = msgspec.UNSET
    source_limit: Amount | msgspec.UnsetType = msgspec.field(
        name="fromLimit", default=msgspec.UNSET
    )
    destination_limit: Amount | msgspec.UnsetType = msgspec.field(
        name="toLimit", default=msgspec.UNSET
    )


class FirmQuoteOut(msgspec.Struct, frozen=True, kw_only=True):
    """A firm quote: `quoteId` opens an order with exactly these numbers until `validUntil`.

    It is null if there are problems. A deposit needs `confirmations`, which take about `etaSeconds`
    from its broadcast.
    """

    quote_id: QuoteId | None = msgspec.field(name="quoteId")
    valid_until: UnixSeconds | None = msgspec.field(name="validUntil")
    rate_type: Annotated[str, one_of(RateType)] = msgspec.field(name="type")
    source: FirmQuoteSourceOut = msgspec.field(name="from")
    destination: FirmQuoteSideOut = msgspec.field(name="to")
    network_fee: Amount | None = msgspec.field(name="networkFee")
    markup_bps: Bps = msgspec.field(name="markupBps")
    confirmations: Annotated[int, msgspec.Meta(ge=1)] | None
    eta_seconds: Annotated[int, msgspec.Meta(ge=0)] | None = msgspec.field(name="etaSeconds")
    problems: list[SwapProblemOut]


class FirmQuoteEncoder:
    """Encodes firm quotes; keeps a layout for each priced pair and rate type as QuoteEncoder."""

    def __init__(self) -> None:
        self._layouts = {one: OfPricedPairs(partial(_layout_of, rate_type=one)) for one in RateType}

    def encode(self, swap: OfferedSwap, *, markup_bps: int) -> bytes:
        """Return the whole body: what `success` returns for the FirmQuoteOut, byte for byte."""
        quoted, quote_id = swap.quoted, swap.quote_id
        if quoted is None or quote_id is None:
            return success(with_problems(swap, markup_bps=markup_bps))
        layout = self._layouts[swap.request.rate_type][quoted.priced]
        return layout.template % (
            quote_id,
            swap.valid_until,
            *layout.numbers(quoted.source_amount, quoted.destination_amount),
        )


def _layout_of(priced: PricedPair, rate_type: RateType) -> Layout:
    source, destination = priced.pair.source, priced.pair.destination
    marked = FirmQuoteOut(
        quote_id=_QUOTE,
        valid_until=_UNTIL,  # type: ignore[arg-type]
        rate_type=rate_type.value,
        source=FirmQuoteSourceOut(
            **_priced_side(priced, Direction.FROM),
            amount=marks.AMOUNT,
            usd=marks.USD,
            btc=marks.BTC_VALUE,
        ),
        destination=FirmQuoteSideOut(
            **_priced_side(priced, Direction.TO), amount=marks.PAID, usd=marks.WORTH
        ),
        network_fee=format_units(priced.network_fee, destination.precision),
        markup_bps=priced.margin.markup_bps,
        confirmations=source.confirmations,
        eta_seconds=_eta_seconds(source),
        problems=[],
    )
    before = {_QUOTE.encode(): b"%b", b'"%b"' % _UNTIL.encode(): b"%d"}
    return layout_of(priced, success(marked), before=before)


def with_problems(swap: OfferedSwap, *, markup_bps: int) -> FirmQuoteOut:
    """Return the response for a swap without a quoteId."""
    source, destination = swap.source, swap.destination
    return FirmQuoteOut(
        quote_id=None,
        valid_until=None,
        rate_type=swap.request.rate_type.value,
        source=FirmQuoteSourceOut(**_side(swap, Direction.FROM), btc=_in_btc(swap)),
        destination=FirmQuoteSideOut(**_side(swap, Direction.TO)),
        network_fee=_units(destination.network_fee, destination) if destination else None,
        markup_bps=markup_bps,
        confirmations=source.confirmations if source else None,
        eta_seconds=_eta_seconds(source) if source else None,
        problems=[_problem(problem, source, destination) for problem in swap.problems],
    )


def _side(swap: OfferedSwap, side: Direction) -> dict[str, Any]:
    """Return the fields of one side; None where they are not known."""
    is_source = side is Direction.FROM
    asset = swap.source if is_source else swap.destination
    if asset is None:
        wanted = swap.request.source if is_source else swap.request.destination
        return _UNKNOWN | {"code": wanted if isinstance(wanted, str) else None}
    quoted = swap.quoted
    if quoted is not None:
        amount = quoted.source_amount if is_source else quoted.destination_amount
        price = quoted.priced.source_price if is_source else quoted.priced.destination_price
        return _priced_side(quoted.priced, side) | {
            "amount": _units(amount, asset),
            "usd": usd_value(amount, price, asset).cents(),
        }
    known = _UNKNOWN | {**asset_fields(asset), "precision": asset.precision}
    if side is swap.request.direction and swap.amount is not None:
        known["amount"] = _units(swap.amount, asset)
    return known


def _priced_side(priced: PricedPair, side: Direction) -> dict[str, Any]:
    """Return the fields of one side that do not depend on the amount."""
    if side is Direction.FROM:
        fields = side_fields(priced.pair.source, priced.source_bounds)
        return fields | {"rate": str(priced.rate)}
    fields = side_fields(priced.pair.destination, priced.destination_bounds)
    return fields | {"rate": str(priced.inverse)}


def _in_btc(swap: OfferedSwap) -> str | None:
    if swap.quoted is None:
        return None
    priced = swap.quoted.priced
    btc_price = priced.snapshot.prices.get(BTC)
    worth = usd_value(swap.quoted.source_amount, priced.source_price, priced.pair.source)
    return worth.in_btc(btc_price) if btc_price else None


def _problem(
    problem: SwapProblem, source: Asset | None, destination: Asset | None
) -> SwapProblemOut:
    if problem.limits is None or source is None or destination is None:
        return SwapProblemOut(
            type=problem.type.value,
            side=problem.side.value if problem.side is not None else msgspec.UNSET,
        )
    source_limit, destination_limit = problem.limits
    return SwapProblemOut(
        type=problem.type.value,
        source_limit=_units(source_limit, source),
        destination_limit=_units(destination_limit, destination),
    )


def _eta_seconds(source: Asset) -> int | None:
    """Return how long the confirmation of a deposit takes; None for a network that is not known."""
    network = NETWORKS.get(source.network)
    return network.confirmed_after_seconds(source.confirmations) if network else None


def _units(amount: int, asset: Asset) -> str:
    return format_units(amount, asset.precision)
