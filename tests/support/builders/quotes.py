"""Firm quotes, and what signs them."""

import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from domain.actions.orders.quote import SwapRequest
from domain.assets import Pair
from domain.clock import Clock
from domain.market.pricing import Direction, PricedPair, Quote
from domain.market.rates import RateSnapshot
from domain.orders.quotes.firm_quote import Audience, Holder
from domain.orders.quotes.quote_signing import QuoteSigner
from domain.orders.states import RateType

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
VALID_UNTIL = int(NOW.timestamp()) + 60
PARTNER = UUID("018fb8a2-6c00-7b21-9d4e-5f60718293a4")
CODE = UUID("018fb8a2-6c00-7b21-9d4e-5f60718293b5")
OURS = Holder(Audience.PARTNER, PARTNER, CODE)


class FixedClock(msgspec.Struct):
    """A clock that stands where a test sets it."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


def quote_signer(
    randomness: Callable[[int], bytes] = secrets.token_bytes,
    *,
    keys: Mapping[str, bytes] | None = None,
    current: str = "k1",
    clock: Clock | None = None,
) -> QuoteSigner:
    now = (clock or FixedClock()).now
    return QuoteSigner(
        keys or {"k1": b"k" * 32},
        current=lambda: current,
        randomness=randomness,
        unix_time=lambda: now().timestamp(),
    )


def quoted(pair: Pair, prices: Mapping[str, int], amount: int, *, markup_bps: int = 0) -> Quote:
    priced = PricedPair(pair, RateSnapshot(at=0, prices=prices), markup_bps=markup_bps)
    return priced.quote(Direction.FROM, amount)


def signed(
    signer: QuoteSigner,
    quote: Quote,
    *,
    rate_type: RateType = RateType.FLOAT,
    holder: Holder = OURS,
    region: str | None = None,
) -> str:
    request = SwapRequest(rate_type, "", "", Direction.FROM, "")
    return signer.sign(quote, request, holder, region)[0].decode()
