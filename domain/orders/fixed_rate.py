"""The rate at which the deposits of an order at a fixed rate are settled."""

import msgspec

from domain.assets import Asset, Excess
from domain.market.conversion import Rate, lower_rate, ratio_rounded_down
from domain.money import power_of_ten, quantize_down, quantize_up


class Received(msgspec.Struct, frozen=True):
    """What an order at a fixed rate received, in smallest units of its source asset.

    `agreed` is the amount that the rate was fixed for; `in_time` is the part of `total` that met
    the order's deadlines.
    """

    agreed: int
    in_time: int
    total: int


def settles_as_agreed(received: Received, *, source: Asset, excess: Excess) -> bool:
    """Return whether just the agreed amount is settled: in time, and any excess is refunded."""
    if received.in_time < received.agreed:
        return False
    exceeding = received.total - received.agreed
    return exceeding == 0 or (excess is Excess.REFUND and source.refundable(exceeding) > 0)


def settled_rate(
    fixed: Rate, live: Rate, received: Received, *, source: Asset, destination: Asset
) -> Rate:
    """Return the rate at which all that was received is settled.

    If the agreed amount was received in time, it is settled at the fixed rate and the excess at the
    lower of the two rates; otherwise all is settled at the lower rate. So no amount and no moment
    of paying yields more than the fixed rate, and no deposit of anyone else takes it from an order
    that was paid in time.
    """
    worse = lower_rate(fixed, live)
    if received.in_time < received.agreed:
        return worse
    if received.total == received.agreed or worse is fixed:
        return fixed
    return _mean(fixed, worse, received, source=source, destination=destination)


def _mean(
    fixed: Rate, worse: Rate, received: Received, *, source: Asset, destination: Asset
) -> Rate:
    """Return the mean rate with the fewest decimals that reproduces the payout of both parts.

    It is rounded up: a mean that is no finite decimal would otherwise never reproduce it.
    """
    total, excess = received.total, received.total - received.agreed
    scale = power_of_ten(fixed.decimals + worse.decimals)
    sum_of_parts = received.agreed * fixed.digits * power_of_ten(worse.decimals)
    sum_of_parts += excess * worse.digits * power_of_ten(fixed.decimals)
    multiplier, divisor = power_of_ten(destination.precision), power_of_ten(source.precision)
    due = quantize_down(sum_of_parts * multiplier, divisor * scale)
    decimals = ratio_rounded_down(sum_of_parts, total * scale).decimals
    while True:
        digits = quantize_up(sum_of_parts * power_of_ten(decimals), total * scale)
        if quantize_down(total * digits * multiplier, divisor * power_of_ten(decimals)) == due:
            return Rate(digits, decimals)
        decimals += 1
