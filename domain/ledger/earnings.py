"""What a partner has earned, been paid and is owed, in 10^-18 USD."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from domain.money import whole_cents


class CodeEarnings(msgspec.Struct, frozen=True):
    """The markup that a code has earned."""

    code_id: UUID
    code: str
    markup: int


class Earnings(msgspec.Struct, frozen=True, kw_only=True):
    """The current earnings of a partner.

    Volume, markup (in total, and per code), base fee share, `paid` and `reset` are lifetime totals.
    An accounting cycle starts at an earnings reset: `paid_in_cycle` is the sum of the payouts since
    then. `ended_periods` counts payouts and resets; `period_start` is the time of the last of them,
    or of the partner's creation.
    """

    volume: int
    markup: int
    base_fee_share: int
    paid: int
    reset: int
    paid_in_cycle: int
    ended_periods: int
    period_start: datetime
    cycle_start: datetime
    codes: Sequence[CodeEarnings]

    @property
    def owed(self) -> int:
        """Return the exact amount owed, including fractions of a cent."""
        return self.markup + self.base_fee_share - self.paid - self.reset

    @property
    def balance(self) -> int:
        """Return the amount that can be paid: whole cents."""
        return whole_cents(self.owed)

    @property
    def accrued(self) -> int:
        """Return the earnings of the current accounting cycle: its payouts and the balance."""
        return self.balance + self.paid_in_cycle
