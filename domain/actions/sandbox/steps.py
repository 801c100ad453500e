"""The steps of an order that a sandbox simulates on request, as they are stored."""

from typing import Final

import msgspec

MAX_ADVANCE_SECONDS: Final = 7 * 24 * 3600
"""A week per step: beyond every deadline of an order, and far from the limits of a timestamp."""


class DepositStep(msgspec.Struct, frozen=True, tag="deposit", tag_field="step"):
    """A deposit is seen: of `amount` in units of the source asset; None for what is missing.

    If it is `late`, the time to pay ends first.
    """

    amount: str | None = None
    late: bool = False


class ConfirmStep(msgspec.Struct, frozen=True, tag="confirm", tag_field="step"):
    """All deposits are confirmed."""


class PayoutStep(msgspec.Struct, frozen=True, tag="payout", tag_field="step"):
    """The payout is broadcast."""


class ExpireStep(msgspec.Struct, frozen=True, tag="expire", tag_field="step"):
    """The time to pay ends."""


class AdvanceStep(msgspec.Struct, frozen=True, tag="advance", tag_field="step"):
    """The order's clock is moved: its expiry, and what is counted from it, is sooner."""

    seconds: int


Step = DepositStep | ConfirmStep | PayoutStep | ExpireStep | AdvanceStep
