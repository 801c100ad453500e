"""What the swap form shows: the pair, a price with all its fees, and what is wrong with a field."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from cabinet_htmx.shared.amounts import percent, shown, trimmed
from cabinet_htmx.shared.coin_icons import CoinIcon, coin_icon
from cabinet_htmx.shared.options import Option, asset_options
from cabinet_htmx.swap import sentences
from cabinet_htmx.swap.form import SwapForm
from domain.actions.orders.quote import quote
from domain.assets import Asset, Catalogue
from domain.chains.addresses import check_address, check_tag
from domain.errors import DomainError, InvalidRequest, Maintenance
from domain.market.ports import Market
from domain.market.pricing import Direction, Quote
from domain.market.valuation import usd_value
from domain.money import BPS, parse_units

SUGGESTED_USD: Final = 300 * 10**18
MAX_DRIFT_BPS: Final = 100
"""A price that has become worse by more than this since it was shown is shown again first."""

FIELDS: Final = ("to_address", "tag", "refund_address")


class Side(msgspec.Struct, frozen=True):
    """One of the two assets, and what may be chosen instead."""

    asset: Asset
    mark: CoinIcon
    options: list[Option]


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A quote in words and numbers for people."""

    sent: str
    got: str
    sent_usd: str
    got_usd: str
    rate: str
    fee: str
    network_fee: str
    refusals: tuple[str, ...]


class SwapView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the form's template needs. `problem` concerns the whole of it, `faults` a field."""

    form: SwapForm
    source: Side
    destination: Side
    price: Price | None
    bounds: str | None
    fixed_rates: bool
    problem: str | None
    faults: Mapping[str, str]
    asked_to_open: bool = False


def chosen_pair(catalogue: Catalogue, form: SwapForm) -> SwapForm:
    """Return the form with a pair that there is: the one asked for, else the operator's first.

    An asset that is known stays, also where the pair of both is off: then that is said.
    """
    sources = {asset.code for asset in catalogue.active_assets() if asset.receivable}
    destinations = {asset.code for asset in catalogue.active_assets() if asset.sendable}
    source = form.source if form.source in sources else None
    destination = form.destination if form.destination in destinations else None
    if source is None or destination is None or source == destination:
        source, destination = _nearest(catalogue, source, destination)
    return msgspec.structs.replace(form, source=source, destination=destination)


def _nearest(catalogue: Catalogue, source: str | None, destination: str | None) -> tuple[str, str]:
    """Return the first pair with one of the two, preferably of two coins."""
    if source == destination:
        destination = None
    pairs = [
        (pair.source.coin == pair.destination.coin, codes)
        for codes, pair in catalogue.pairs.items()
        if source in (None, codes[0]) and destination in (None, codes[1])
    ]
    if pairs:
        return min(pairs, key=lambda one: one[0])[1]
    active = [asset.code for asset in catalogue.active_assets()]
    first = source or (active or [""])[0]
    return first, destination or next((code for code in active if code != first), "")


def suggested(market: Market, form: SwapForm) -> SwapForm:
    """Return the form with an amount to begin with, of some 300 USD; as it is without prices."""
    try:
        pair = market.catalogue.pair(form.source, form.destination)
        price = market.snapshot().price(pair.source.coin)
    except DomainError:
        return form
    usd = max(min(SUGGESTED_USD, pair.bounds.max_usd // 2), pair.bounds.min_usd * 2)
    units = usd * 10**pair.source.precision // price
    magnitude = 10 ** max(len(str(units)) - 1, 0)
    rounded = max(units // magnitude, 1) * magnitude
    return msgspec.structs.replace(form, send=shown(rounded, pair.source), side=Direction.FROM)


def swap_view(
    market: Market,
    form: SwapForm,
    *,
    markup_bps: int,
    problem: str | None = None,
    faults: Mapping[str, str] | None = None,
    asked_to_open: bool = False,
) -> SwapView:
    """Return the view of a form whose pair is chosen. Raises Unavailable without a catalogue."""
    catalogue = market.catalogue
    found = dict(faults or {})
    price, bounds = None, None
    try:
        quoted = quoted_form(market, form, markup_bps=markup_bps)
        if quoted is not None:
            price, bounds = _price(quoted, form), _bounds(quoted)
            form = _with_amounts(form, quoted)
    except InvalidRequest as error:
        form, problem, found = _unpriced(catalogue, form, problem, found, error)
    except DomainError as error:
        problem = problem or sentences.problem(error)
        form = _emptied(form)
    assets = catalogue.active_assets()
    return SwapView(
        form=msgspec.structs.replace(form, was_send=form.send, was_get=form.get),
        source=_side(form.source, catalogue, (one for one in assets if one.receivable)),
        destination=_side(form.destination, catalogue, (one for one in assets if one.sendable)),
        price=price,
        bounds=bounds,
        fixed_rates=catalogue.switches.fixed_rates,
        problem=problem,
        faults=found,
        asked_to_open=asked_to_open,
    )


def quoted_form(market: Market, form: SwapForm, *, markup_bps: int) -> Quote | None:
    """Return the form's quote, None for an amount not entered yet; raise as `quote`."""
    if not form.amount.strip("0."):
        if market.catalogue.switches.maintenance:
            raise Maintenance
        market.catalogue.pair(form.source, form.destination)
        market.snapshot()
        return None
    return quote(market, form.swap(), markup_bps=markup_bps)


def has_drifted(form: SwapForm, quoted: Quote) -> bool:
    """Tell whether a visitor would do clearly worse now than by what the page showed them."""
    pair = quoted.priced.pair
    try:
        if form.side is Direction.FROM:
            before = parse_units(form.was_get, pair.destination.precision)
            return quoted.destination_amount * BPS < before * (BPS - MAX_DRIFT_BPS)
        before = parse_units(form.was_send, pair.source.precision)
    except InvalidRequest:
        return True  # no price was shown: one is, before anything is opened
    return quoted.source_amount * BPS > before * (BPS + MAX_DRIFT_BPS)


def faults_of(
    catalogue: Catalogue, form: SwapForm, *, only: Iterable[str] = FIELDS
) -> dict[str, str]:
    """Return what is wrong with addresses and tag, by field; `only` these are looked at."""
    source = catalogue.assets.get(form.source)
    destination = catalogue.assets.get(form.destination)
    found: dict[str, str] = {}
    for field in only:
        asset = source if field == "refund_address" else destination
        if asset is None:
            continue
        text = {
            "to_address": form.to_address,
            "tag": form.tag,
            "refund_address": form.refund_address,
        }[field]
        fault = _tag_fault(asset, text) if field == "tag" else _address_fault(asset, text)
        if fault is not None:
            found[field] = fault
    return found


def _address_fault(asset: Asset, text: str) -> str | None:
    if not text:
        return f"Enter an address on {asset.network}."
    try:
        check_address(asset.network, text)
    except InvalidRequest:
        return (
            f"This isn't a valid address on {asset.network}. Check that it is complete, "
            "and of the right network."
        )
    return None


def _tag_fault(asset: Asset, text: str) -> str | None:
    if not text:
        return None
    try:
        check_tag(asset.network, text)
    except InvalidRequest:
        return f"This can't be a {(asset.tag_name or 'memo').lower()} on {asset.network}."
    return None


def _unpriced(
    catalogue: Catalogue,
    form: SwapForm,
    problem: str | None,
    faults: dict[str, str],
    error: InvalidRequest,
) -> tuple[SwapForm, str | None, dict[str, str]]:
    """Tell a pair that is off from an amount that can't be read."""
    pair = catalogue.pairs.get((form.source, form.destination))
    if pair is None:
        return _emptied(form), problem or sentences.NO_PAIR, faults
    asset = pair.source if form.side is Direction.FROM else pair.destination
    try:
        parse_units(form.amount, asset.precision)
    except InvalidRequest:
        field = "send" if form.side is Direction.FROM else "get"
        faults[field] = sentences.UNREADABLE.format(example="0.05", decimals=asset.precision)
        return _emptied(form), problem, faults
    return _emptied(form), problem or sentences.problem(error), faults


def _emptied(form: SwapForm) -> SwapForm:
    """Return the form without the amount that would have been computed."""
    if form.side is Direction.FROM:
        return msgspec.structs.replace(form, get="")
    return msgspec.structs.replace(form, send="")


def _with_amounts(form: SwapForm, quoted: Quote) -> SwapForm:
    pair = quoted.priced.pair
    if form.side is Direction.FROM:
        return msgspec.structs.replace(form, get=shown(quoted.destination_amount, pair.destination))
    return msgspec.structs.replace(form, send=shown(quoted.source_amount, pair.source))


def _price(quoted: Quote, form: SwapForm) -> Price:
    priced = quoted.priced
    source, destination = priced.pair.source, priced.pair.destination
    network_fee = usd_value(priced.network_fee, priced.destination_price, destination)
    return Price(
        sent=f"{shown(quoted.source_amount, source)} {source.coin}",
        got=f"{shown(quoted.destination_amount, destination)} {destination.coin}",
        sent_usd=usd_value(quoted.source_amount, priced.source_price, source).cents(),
        got_usd=usd_value(quoted.destination_amount, priced.destination_price, destination).cents(),
        rate=f"1 {source.coin} = {trimmed(str(priced.rate))} {destination.coin}",
        fee=percent(priced.margin.total),
        network_fee=f"{shown(priced.network_fee, destination)} {destination.coin}"
        f" ≈ ${network_fee.cents()}",
        refusals=_refusals(quoted, form),
    )


def _refusals(quoted: Quote, form: SwapForm) -> tuple[str, ...]:
    if quoted.destination_amount == 0:
        return (sentences.EATEN,)
    priced, is_sent = quoted.priced, form.side is Direction.FROM
    asset = priced.pair.source if is_sent else priced.pair.destination
    least, most = priced.source_bounds if is_sent else priced.destination_bounds
    amount = quoted.source_amount if is_sent else quoted.destination_amount
    return tuple(
        sentences.refusal(
            one,
            least=f"{shown(least, asset)} {asset.coin}",
            most=f"{shown(most, asset)} {asset.coin}" if amount > most else None,
        )
        for one in quoted.problems
    )


def _bounds(quoted: Quote) -> str:
    priced = quoted.priced
    source = priced.pair.source
    least, most = priced.source_bounds
    return f"{shown(least, source)} to {shown(most, source)} {source.coin}"


def _side(code: str, catalogue: Catalogue, choices: Iterable[Asset]) -> Side:
    asset = catalogue.assets[code]
    return Side(asset, coin_icon(asset), asset_options(choices, code))
