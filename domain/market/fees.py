"""What a swap costs beside its markup, as the operator may set it."""

import re

from domain.assets import Asset
from domain.errors import InvalidRequest
from domain.money import parse_units

MAX_FEE_BPS = 2_000
MAX_SPREAD_BPS = 2_000

_ZERO = re.compile(r"0+(?:\.0+)?", re.ASCII)


def checked_fee(fee_bps: int) -> int:
    """Return a service fee in 0..2000 basis points."""
    if not 0 <= fee_bps <= MAX_FEE_BPS:
        raise InvalidRequest(f"a fee of {fee_bps} bps is not in 0..{MAX_FEE_BPS}")
    return fee_bps


def parse_network_fee(text: str, asset: Asset) -> int:
    """Return a network fee in the asset's smallest units; unlike an amount it may be zero."""
    if _ZERO.fullmatch(text):
        return 0
    try:
        return parse_units(text, asset.precision)
    except InvalidRequest as error:
        raise InvalidRequest(f"{text!r} is no network fee of {asset.code}: {error}") from None


def checked_spread(bps: int) -> int:
    """Return a spread that may be set; raise InvalidRequest."""
    if not 0 <= bps <= MAX_SPREAD_BPS:
        raise InvalidRequest(f"a spread of {bps} bps is not in 0..{MAX_SPREAD_BPS}")
    return bps
