"""The fees of a swap: the margin in its rate, and the network fee of its payout."""

import re

import msgspec

from domain.assets import Asset
from domain.errors import InvalidCommand, InvalidRequest
from domain.money import BPS, parse_units, quantize_down

MAX_FEE_BPS = 2_000
MAX_SPREAD_BPS = 2_000
MAX_PREMIUM_BPS = 2_000

_ZERO = re.compile(r"0+(?:\.0+)?", re.ASCII)


class MarginSplit(msgspec.Struct, frozen=True, gc=False):
    """A value divided by a margin, in the unit of the value; each part is rounded down."""

    remainder: int
    service_fee: int
    markup: int


class Margin(msgspec.Struct, frozen=True, gc=False):
    """The service fee and the partner's markup, in basis points of the swapped value."""

    fee_bps: int
    markup_bps: int

    @property
    def total(self) -> int:
        """Return the whole margin in basis points."""
        return self.fee_bps + self.markup_bps

    @property
    def remainder(self) -> int:
        """Return what the margin leaves for the customer, in basis points."""
        return BPS - self.fee_bps - self.markup_bps

    def split(self, value: int) -> MarginSplit:
        """Divide a value into the customer's remainder, the service fee and the markup."""
        return MarginSplit(
            remainder=quantize_down(value * self.remainder, BPS),
            service_fee=quantize_down(value * self.fee_bps, BPS),
            markup=quantize_down(value * self.markup_bps, BPS),
        )


def checked_fee(fee_bps: int) -> int:
    """Return a service fee in 0..2000 basis points; raise InvalidCommand for others."""
    if not 0 <= fee_bps <= MAX_FEE_BPS:
        raise InvalidCommand(f"a fee of {fee_bps} bps is not in 0..{MAX_FEE_BPS}")
    return fee_bps


def parse_network_fee(text: str, asset: Asset) -> int:
    """Return a network fee in the asset's smallest units; unlike an amount it may be zero."""
    return _parse_or_zero(text, asset, what="network fee")


def parse_min_deposit(text: str, asset: Asset) -> int:
    """Return the least deposit that counts, in the asset's smallest units; it may be zero."""
    return _parse_or_zero(text, asset, what="amount")


def _parse_or_zero(text: str, asset: Asset, *, what: str) -> int:
    if _ZERO.fullmatch(text):
        return 0
    try:
        return parse_units(text, asset.precision)
    except InvalidRequest as error:
        raise InvalidCommand(f"{text!r} is no {what} of {asset.code}: {error}") from None


def checked_premium(bps: int) -> int:
    """Return a premium for fixed rates in 0..2000 basis points; raise InvalidCommand for others."""
    if not 0 <= bps <= MAX_PREMIUM_BPS:
        raise InvalidCommand(f"a premium of {bps} bps is not in 0..{MAX_PREMIUM_BPS}")
    return bps


def checked_spread(bps: int) -> int:
    """Return a spread in 0..2000 basis points; raise InvalidCommand for others."""
    if not 0 <= bps <= MAX_SPREAD_BPS:
        raise InvalidCommand(f"a spread of {bps} bps is not in 0..{MAX_SPREAD_BPS}")
    return bps
