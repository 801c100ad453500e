"""A firm quote has a quoteId, or all problems of its swap together with limits in both assets."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actions.orders.ports import QuotePorts
from domain.actions.orders.quote import SwapRequest, quote
from domain.actions.orders.quotes.quote_firmly import OfferedSwap, ProblemType, quote_firmly
from domain.assets import Asset, Bounds, Catalogue, FixedRateTerms, Pair, Switches
from domain.errors import InvalidRequest, RatesUnavailable
from domain.market.limits import Headroom
from domain.market.pricing import Direction, PricedPair
from domain.market.rates import RateSnapshot
from domain.money import format_units
from domain.orders.states import RateType
from gateway.runtime.market import LiveMarket
from tests.support.builders.market import USD, asset
from tests.support.builders.quotes import NOW, OURS, PARTNER, FixedClock, quote_signer

BTC = asset("BTC", network_fee=2_000, dust_limit=546, network="Bitcoin", confirmations=2)
USDT = asset("USDT", 6, network_fee=1_200_000, network="Tron", confirmations=20)
PRICES = {"BTC": 50_000 * USD, "USDT": USD}
NO_HEADROOM = Headroom()


class World(msgspec.Struct, kw_only=True):
    """The market of a test."""

    btc: Asset = BTC
    usdt: Asset = USDT
    switches: Switches = Switches(fixed_rates=True)
    disabled: frozenset[tuple[str, str]] = frozenset()
    restricted: frozenset[str] = frozenset({"KP"})
    prices: Mapping[str, int] | None = None
    headroom: Headroom = NO_HEADROOM
    premium_bps: int = 0

    def market(self) -> LiveMarket:
        market = LiveMarket(unix_time=NOW.timestamp)
        market.adopt_catalogue(
            Catalogue(
                assets={one.code: one for one in (self.btc, self.usdt)},
                disabled_pairs=self.disabled,
                default_bounds=Bounds(USD, 5_000 * USD),
                pair_bounds={},
                switches=self.switches,
                fixed_rate_terms=FixedRateTerms(premium_bps=self.premium_bps),
                restricted_regions=self.restricted,
            )
        )
        prices = PRICES if self.prices is None else self.prices
        market.adopt_snapshot(RateSnapshot(at=NOW.timestamp(), prices=prices))
        market.adopt_headroom(self.headroom)
        return market

    def quote(
        self,
        amount: str = "0.01",
        *,
        source: str = "btc",
        destination: str = "usdt",
        direction: Direction = Direction.FROM,
        rate_type: RateType = RateType.FLOAT,
        region: str | None = None,
    ) -> OfferedSwap:
        ports = QuotePorts(market=self.market(), quotes=quote_signer())
        request = SwapRequest(rate_type, source, destination, direction, amount)
        return quote_firmly(ports, request, markup_bps=50, holder=OURS, region=region)


def types(swap: OfferedSwap) -> list[str]:
    return [problem.type.value for problem in swap.problems]


def test_a_swap_without_problems_has_a_quote_id_that_states_its_numbers() -> None:
    swap = World().quote(region="DE")
    assert swap.problems == ()
    assert swap.quote_id is not None
    assert swap.valid_until == int(NOW.timestamp()) + 60
    firm = quote_signer().verify(swap.quote_id.decode(), partner_id=PARTNER, visitor=False, at=NOW)
    priced = quote(World().market(), swap.request, markup_bps=50)
    assert (firm.source_amount, firm.destination_amount) == (
        priced.source_amount,
        priced.destination_amount,
    )
    assert (firm.rate, firm.markup_bps, firm.region) == (priced.priced.rate, 50, "DE")
    with pytest.raises(InvalidRequest):
        msgspec.structs.replace(firm, source="nothing").priced_again(
            World().market().catalogue, headroom=NO_HEADROOM
        )


def test_a_quote_is_valid_for_60_full_seconds_wherever_in_a_second_it_was_made() -> None:
    late = FixedClock(NOW + timedelta(milliseconds=999))
    ports = QuotePorts(market=World().market(), quotes=quote_signer(clock=late))
    request = SwapRequest(RateType.FLOAT, "btc", "usdt", Direction.FROM, "0.01")
    swap = quote_firmly(ports, request, markup_bps=0, holder=OURS)
    assert swap.valid_until == int(NOW.timestamp()) + 60
    assert swap.quote_id is not None
    for seconds in (0, 60):
        at = late.at + timedelta(seconds=seconds)
        quote_signer().verify(swap.quote_id.decode(), partner_id=PARTNER, visitor=False, at=at)


def test_a_fixed_quote_has_the_premium() -> None:
    world = World(premium_bps=25)
    fixed, floating = world.quote(rate_type=RateType.FIXED), world.quote()
    for swap, fee_bps in ((fixed, 75), (floating, 50)):
        assert swap.quote_id is not None
        firm = quote_signer().verify(
            swap.quote_id.decode(), partner_id=PARTNER, visitor=False, at=NOW
        )
        assert (firm.rate_type, firm.fee_bps) == (swap.request.rate_type, fee_bps)


OFF = Switches()
PAUSED = Switches(maintenance=True, fixed_rates=True)
Case = tuple[World, dict[str, object], list[str]]
ALONE: list[Case] = [
    (World(), {"source": "eth"}, ["ASSET_UNSUPPORTED"]),
    (World(), {"destination": "BTC"}, ["ASSET_UNSUPPORTED"]),
    (World(), {"source": "", "destination": "?"}, ["ASSET_UNSUPPORTED", "ASSET_UNSUPPORTED"]),
    (World(btc=msgspec.structs.replace(BTC, enabled=False)), {}, ["ASSET_UNSUPPORTED"]),
    (World(btc=msgspec.structs.replace(BTC, receivable=False)), {}, ["RECEIVE_DISABLED"]),
    (World(btc=msgspec.structs.replace(BTC, sendable=False)), {}, []),
    (World(usdt=msgspec.structs.replace(USDT, sendable=False)), {}, ["SEND_DISABLED"]),
    (World(disabled=frozenset({("btc", "usdt")})), {}, ["PAIR_UNSUPPORTED"]),
    (World(disabled=frozenset({("usdt", "btc")})), {}, []),
    (World(), {"destination": "btc"}, ["PAIR_UNSUPPORTED"]),
    (World(switches=OFF), {"rate_type": RateType.FIXED}, ["PAIR_UNSUPPORTED"]),
    (World(), {"amount": "0.00001"}, ["LIMIT_MIN"]),
    (World(), {"amount": "0.2"}, ["LIMIT_MAX"]),
    (World(headroom=Headroom(usd_today=499 * USD)), {}, ["LIMIT_MAX"]),
    (World(headroom=Headroom(usd_today=-1)), {}, ["LIMIT_MAX"]),
    (World(headroom=Headroom(usd_today=500 * USD)), {}, []),
    (World(headroom=Headroom(fixed_usd=499 * USD)), {}, []),
    (World(headroom=Headroom(reserves={"usdt": 400_000_000})), {}, ["RESERVE_EXCEEDED"]),
    (World(), {"region": "KP"}, ["REGION_RESTRICTED"]),
    (World(), {"region": "DE"}, []),
    (World(prices={"BTC": USD}), {}, ["RATE_UNAVAILABLE"]),
    (World(prices={}), {}, ["RATE_UNAVAILABLE"]),
    (World(switches=PAUSED), {}, ["MAINTENANCE"]),
    (
        World(headroom=Headroom(fixed_usd=499 * USD)),
        {"rate_type": RateType.FIXED},
        ["LIMIT_MAX"],
    ),
]
TOGETHER: list[Case] = [
    (
        World(headroom=Headroom(usd_today=0, reserves={"usdt": 0})),
        {"amount": "0.00001"},
        ["LIMIT_MIN", "LIMIT_MAX", "RESERVE_EXCEEDED"],
    ),
    (
        World(
            btc=msgspec.structs.replace(BTC, receivable=False),
            usdt=msgspec.structs.replace(USDT, sendable=False),
            disabled=frozenset({("btc", "usdt")}),
            switches=PAUSED,
            headroom=Headroom(reserves={"usdt": 0}),
        ),
        {"amount": "0.2", "region": "KP"},
        [
            *("RECEIVE_DISABLED", "SEND_DISABLED", "PAIR_UNSUPPORTED", "LIMIT_MAX"),
            *("RESERVE_EXCEEDED", "REGION_RESTRICTED", "MAINTENANCE"),
        ],
    ),
    (
        World(prices={}, switches=PAUSED),
        {"region": "KP", "destination": "btc"},
        ["PAIR_UNSUPPORTED", "REGION_RESTRICTED", "RATE_UNAVAILABLE", "MAINTENANCE"],
    ),
    (World(switches=PAUSED), {"source": "eth"}, ["ASSET_UNSUPPORTED", "MAINTENANCE"]),
]


@pytest.mark.parametrize(("world", "changes", "expected"), ALONE + TOGETHER)
def test_all_problems_of_a_swap_are_listed_together(
    world: World, changes: dict[str, object], expected: list[str]
) -> None:
    swap = world.quote(**changes)  # type: ignore[arg-type]
    assert types(swap) == expected
    assert (swap.quote_id is None) == (swap.valid_until is None) == bool(expected)


def test_every_problem_occurs_in_these_tests() -> None:
    assert {one for _, _, expected in ALONE for one in expected} == set(ProblemType)


def test_an_unknown_asset_names_its_side() -> None:
    assert World().quote(source="eth").problems[0].side is Direction.FROM
    assert World().quote(destination="eth").problems[0].side is Direction.TO


def test_amounts_are_computed_wherever_prices_are_known() -> None:
    for world in (World(switches=PAUSED), World(disabled=frozenset({("btc", "usdt")}))):
        swap = world.quote()
        assert swap.quoted is not None
        assert swap.quoted.destination_amount == 495_000_000 - USDT.network_fee
    unpriced = World(prices={}).quote("0.5")
    assert (unpriced.quoted, unpriced.amount) == (None, 50_000_000)
    assert World().quote("0.5", source="eth").amount is None


@pytest.mark.parametrize(
    ("amount", "changes"),
    [
        *[(text, {}) for text in ("", "0", "-1", "1e2", "0.000000001", "1,5", "NaN", "9" * 21)],
        *[("x", {"source": "eth"}), ("0." + "1" * 19, {"source": "eth"})],
        ("0.0000001", {"direction": Direction.TO}),
    ],
)
def test_a_malformed_amount_is_no_problem_but_an_error(
    amount: str, changes: dict[str, object]
) -> None:
    for world in (World(), World(switches=PAUSED), World(prices={})):
        with pytest.raises(InvalidRequest):
            world.quote(amount, **changes)  # type: ignore[arg-type]


def test_before_the_first_catalogue_rates_are_unavailable() -> None:
    ports = QuotePorts(market=LiveMarket(), quotes=quote_signer())
    request = SwapRequest(RateType.FLOAT, "btc", "usdt", Direction.FROM, "0.01")
    swap = quote_firmly(ports, request, markup_bps=0, holder=OURS)
    assert (types(swap), swap.quoted) == (["RATE_UNAVAILABLE"], None)
    with pytest.raises(InvalidRequest):
        quote_firmly(ports, msgspec.structs.replace(request, amount="x"), markup_bps=0, holder=OURS)


prices = st.integers(min_value=10**10, max_value=10**24)


@given(
    precisions=st.tuples(st.integers(0, 18), st.integers(0, 18)),
    usd=st.tuples(prices, prices),
    network_fee=st.integers(0, 10**12),
    dust_limit=st.integers(0, 10**6),
    cap=st.one_of(st.none(), st.integers(-1, 6_000 * USD)),
    amount=st.integers(1, 10**24),
    direction=st.sampled_from(Direction),
)
def test_the_limits_of_a_problem_are_the_amounts_that_a_quote_accepts_at_most_and_at_least(
    precisions: tuple[int, int],
    usd: tuple[int, int],
    network_fee: int,
    dust_limit: int,
    cap: int | None,
    amount: int,
    direction: Direction,
) -> None:
    """An amount has a problem exactly if it is beyond the limit of its side."""
    source = asset("AAA", precisions[0])
    destination = asset("BBB", precisions[1], network_fee=network_fee, dust_limit=dust_limit)
    priced = PricedPair(
        Pair(source, destination, Bounds(USD, 5_000 * USD)),
        RateSnapshot(at=0, prices={"AAA": usd[0], "BBB": usd[1]}),
        markup_bps=25,
    )
    headroom = Headroom(usd_today=cap)
    least, most = (priced.least_sent, priced.least_payout), priced.greatest_amounts(headroom)
    side = 0 if direction is Direction.FROM else 1
    edges = (least[side] - 1, least[side], most[side], most[side] + 1)
    for tried in (amount, *(edge for edge in edges if edge > 0)):
        found = [one.value for one in priced.quote(direction, tried, headroom=headroom).problems]
        assert ("LIMIT_MIN" in found) == (tried < least[side])
        assert ("LIMIT_MAX" in found) == (least[side] <= tried and tried > most[side])


def test_limits_are_published_in_units_of_both_assets() -> None:
    problem = World().quote("0.00001").problems[0]
    assert problem.limits is not None
    assert format_units(problem.limits[0], 8) == "0.00002425"
    assert format_units(problem.limits[1], 6) == "1.000000"
    accepted = World().quote(format_units(problem.limits[0], 8))
    assert types(accepted) == []


def test_a_quote_made_before_a_change_of_fees_and_prices_keeps_its_numbers() -> None:
    swap = World().quote()
    assert swap.quote_id is not None
    assert swap.quoted is not None
    firm = quote_signer().verify(swap.quote_id.decode(), partner_id=PARTNER, visitor=False, at=NOW)
    dearer = World(
        usdt=msgspec.structs.replace(USDT, fee_bps=900, network_fee=9_000_000), prices={}
    ).market()
    again = firm.priced_again(dearer.catalogue, headroom=dearer.headroom)
    assert (again.source_amount, again.destination_amount, again.problems) == (
        swap.quoted.source_amount,
        swap.quoted.destination_amount,
        (),
    )
    assert again.priced.margin.fee_bps == 50
    with pytest.raises(RatesUnavailable):
        dearer.snapshot()
