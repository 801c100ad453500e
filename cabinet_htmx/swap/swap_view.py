"""The view of the swap form: the pair, a price with all fees, and the errors of fields."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from cabinet_htmx.shared.amounts import format_amount, percent, without_trailing_zeros
from cabinet_htmx.shared.coin_icons import CoinIcon, coin_icon
from cabinet_htmx.shared.options import Option, asset_options
from cabinet_htmx.swap import sentences
from cabinet_htmx.swap.form import SwapForm
from domain.actions.orders.ports import QuotePorts
from domain.actions.orders.quote import quote
from domain.actions.partners.refer import Attribution
from domain.assets import Asset, Catalogue
from domain.chains.addresses import check_address, check_tag
from domain.errors import DomainError, InvalidCommand, Maintenance
from domain.market.ports import Market
from domain.market.pricing import Direction, Quote
from domain.market.valuation import usd_value
from domain.money import parse_units

SUGGESTED_USD: Final = 300 * 10**18
NEXT_PRICE_SECONDS: Final = 30
"""When the page shows the next price: a quote that is replaced is valid for as long again."""

FIELDS: Final = ("to_address", "tag", "refund_address")


class Side(msgspec.Struct, frozen=True):
    """The asset to send or to get, and the options of its select field."""

    asset: Asset
    icon: CoinIcon
    options: list[Option]


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A quote formatted for display."""

    get_amount: str
    get_usd: str
    rate: str
    fee: str
    network_fee: str
    problems: tuple[str, ...]


class SwapView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the form template shows. `errors` are by field, `problem` is of the form."""

    form: SwapForm
    source: Side
    destination: Side
    price: Price | None
    bounds: str | None
    fixed_rates: bool
    problem: str | None
    errors: Mapping[str, str]
    quote_id: str = ""
    """Opens an order at the price shown; empty if none can be opened."""
    next_price_seconds: int = NEXT_PRICE_SECONDS
    open_requested: bool = False


def with_known_assets(catalogue: Catalogue, form: SwapForm) -> SwapForm:
    """Return the form with known assets: the requested ones, otherwise the operator's first pair.

    Known assets are kept even if their pair is disabled; the form then shows an error. Raises
    NothingToSwap if no pair is enabled: there is nothing to choose from.
    """
    catalogue.check_any_pair()
    sources = {asset.code for asset in catalogue.active_assets() if asset.receivable}
    destinations = {asset.code for asset in catalogue.active_assets() if asset.sendable}
    source = form.source if form.source in sources else None
    destination = form.destination if form.destination in destinations else None
    if source is None or destination is None or source == destination:
        source, destination = _nearest_pair(catalogue, source, destination)
    return msgspec.structs.replace(form, source=source, destination=destination)


def _nearest_pair(
    catalogue: Catalogue, source: str | None, destination: str | None
) -> tuple[str, str]:
    """Return the first pair with the known asset, preferably of two different coins."""
    if source == destination:
        destination = None
    pairs = [
        (pair.source.coin == pair.destination.coin, codes)
        for codes, pair in catalogue.pairs.items()
        if source in (None, codes[0]) and destination in (None, codes[1])
    ]
    if pairs:
        return min(pairs, key=lambda candidate: candidate[0])[1]
    active = [asset.code for asset in catalogue.active_assets()]
    first = source or (active or [""])[0]
    return first, destination or next((code for code in active if code != first), "")


def with_suggested_amount(market: Market, form: SwapForm) -> SwapForm:
    """Return the form with an initial amount of about 300 USD; unchanged without prices."""
    try:
        pair = market.catalogue.pair(form.source, form.destination)
        price = market.snapshot().price(pair.source.coin)
    except DomainError:
        return form
    usd = max(min(SUGGESTED_USD, pair.bounds.max_usd // 2), pair.bounds.min_usd * 2)
    units = usd * 10**pair.source.precision // price
    magnitude = 10 ** max(len(str(units)) - 1, 0)
    rounded = max(units // magnitude, 1) * magnitude
    return msgspec.structs.replace(
        form, send=format_amount(rounded, pair.source), side=Direction.FROM
    )


def swap_view(
    ports: QuotePorts,
    form: SwapForm,
    *,
    attribution: Attribution | None,
    problem: str | None = None,
    errors: Mapping[str, str] | None = None,
    open_requested: bool = False,
) -> SwapView:
    """Return the view of a form with valid assets. Raises Unavailable without a catalogue.

    `attribution` is that of the visitor; None if no order can be opened.
    """
    catalogue = ports.market.catalogue
    field_problems = dict(errors or {})
    price, bounds, quote_id = None, None, ""
    try:
        quoted = _quote_form(ports.market, form, attribution.markup_bps if attribution else 0)
        if quoted is not None:
            price, bounds = _price(quoted, form), _bounds(quoted)
            if attribution is not None and not quoted.problems:
                signed, _ = ports.quotes.sign(quoted, form.swap(), attribution.holder)
                quote_id = signed.decode()
            form = _with_computed_amount(form, quoted)
    except InvalidCommand as error:
        form, problem, field_problems = _explain_missing_price(
            catalogue, form, problem, field_problems, error
        )
    except DomainError as error:
        problem = problem or sentences.problem(error)
        form = _without_computed_amount(form)
    assets = catalogue.active_assets()
    return SwapView(
        form=msgspec.structs.replace(form, was_send=form.send, was_get=form.get),
        source=_side(form.source, catalogue, (asset for asset in assets if asset.receivable)),
        destination=_side(
            form.destination, catalogue, (asset for asset in assets if asset.sendable)
        ),
        price=price,
        bounds=bounds,
        fixed_rates=catalogue.switches.fixed_rates,
        problem=problem,
        errors=field_problems,
        quote_id=quote_id,
        open_requested=open_requested,
    )


def _quote_form(market: Market, form: SwapForm, markup_bps: int) -> Quote | None:
    """Return the quote of a form, or None without an amount. Raises the errors of `quote`."""
    if not form.has_amount:
        if market.catalogue.switches.maintenance:
            raise Maintenance
        market.catalogue.pair(form.source, form.destination)
        market.snapshot()
        return None
    return quote(market, form.swap(), markup_bps=markup_bps)


def field_errors(
    catalogue: Catalogue, form: SwapForm, *, only: Iterable[str] = FIELDS
) -> dict[str, str]:
    """Return the errors of addresses and tag by field; only fields in `only` are checked."""
    source = catalogue.assets.get(form.source)
    destination = catalogue.assets.get(form.destination)
    problems: dict[str, str] = {}
    for field in only:
        asset = source if field == "refund_address" else destination
        if asset is None:
            continue
        text = {
            "to_address": form.to_address,
            "tag": form.tag,
            "refund_address": form.refund_address,
        }[field]
        error = _tag_error(asset, text) if field == "tag" else _address_error(asset, text)
        if error is not None:
            problems[field] = error
    return problems


def _address_error(asset: Asset, text: str) -> str | None:
    if not text:
        return f"Enter an address on {asset.network}."
    try:
        check_address(asset.network, text)
    except InvalidCommand:
        return (
            f"This is not a valid address on {asset.network}. Check the network and that the "
            "address is complete."
        )
    return None


def _tag_error(asset: Asset, text: str) -> str | None:
    if not text:
        return None
    try:
        check_tag(asset.network, text)
    except InvalidCommand:
        return f"This is not a valid {(asset.tag_name or 'memo').lower()} on {asset.network}."
    return None


def _explain_missing_price(
    catalogue: Catalogue,
    form: SwapForm,
    problem: str | None,
    errors: dict[str, str],
    error: InvalidCommand,
) -> tuple[SwapForm, str | None, dict[str, str]]:
    """Return the form with an error that distinguishes a disabled pair from an invalid amount."""
    pair = catalogue.pairs.get((form.source, form.destination))
    if pair is None:
        return _without_computed_amount(form), problem or sentences.NO_PAIR, errors
    asset = pair.source if form.side is Direction.FROM else pair.destination
    try:
        parse_units(form.amount, asset.precision)
    except InvalidCommand:
        field = "send" if form.side is Direction.FROM else "get"
        errors[field] = sentences.INVALID_AMOUNT.format(example="0.05", decimals=asset.precision)
        return _without_computed_amount(form), problem, errors
    return _without_computed_amount(form), problem or sentences.problem(error), errors


def _without_computed_amount(form: SwapForm) -> SwapForm:
    """Return the form without the computed amount."""
    if form.side is Direction.FROM:
        return msgspec.structs.replace(form, get="")
    return msgspec.structs.replace(form, send="")


def _with_computed_amount(form: SwapForm, quoted: Quote) -> SwapForm:
    pair = quoted.priced.pair
    if form.side is Direction.FROM:
        return msgspec.structs.replace(
            form, get=format_amount(quoted.destination_amount, pair.destination)
        )
    return msgspec.structs.replace(form, send=format_amount(quoted.source_amount, pair.source))


def _price(quoted: Quote, form: SwapForm) -> Price:
    priced = quoted.priced
    source, destination = priced.pair.source, priced.pair.destination
    network_fee = usd_value(priced.network_fee, priced.destination_price, destination)
    return Price(
        get_amount=f"{format_amount(quoted.destination_amount, destination)} {destination.coin}",
        get_usd=usd_value(quoted.destination_amount, priced.destination_price, destination).cents(),
        rate=f"1 {source.coin} = {without_trailing_zeros(str(priced.rate))} {destination.coin}",
        fee=percent(priced.margin.total),
        network_fee=f"{format_amount(priced.network_fee, destination)} {destination.coin}"
        f" ≈ ${network_fee.cents()}",
        problems=_problems(quoted, form),
    )


def _problems(quoted: Quote, form: SwapForm) -> tuple[str, ...]:
    if quoted.destination_amount == 0:
        return (sentences.BELOW_NETWORK_FEE,)
    priced, is_sent = quoted.priced, form.side is Direction.FROM
    asset = priced.pair.source if is_sent else priced.pair.destination
    minimum, maximum = priced.source_bounds if is_sent else priced.destination_bounds
    amount = quoted.source_amount if is_sent else quoted.destination_amount
    return tuple(
        sentences.quote_problem(
            problem,
            minimum=f"{format_amount(minimum, asset)} {asset.coin}",
            maximum=f"{format_amount(maximum, asset)} {asset.coin}" if amount > maximum else None,
        )
        for problem in quoted.problems
    )


def _bounds(quoted: Quote) -> str:
    priced = quoted.priced
    source = priced.pair.source
    minimum, maximum = priced.source_bounds
    return (
        f"Min {format_amount(minimum, source)} {source.coin} · "
        f"Max {format_amount(maximum, source)} {source.coin}"
    )


def _side(code: str, catalogue: Catalogue, choices: Iterable[Asset]) -> Side:
    asset = catalogue.assets[code]
    return Side(asset, coin_icon(asset), asset_options(choices, code))
