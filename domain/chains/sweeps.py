"""How pay-ins are swept to one address."""

import msgspec


class SweepOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to sweep. Each family of chains uses the options that apply to it.

    `to` is the address that receives everything, `fee_rate` coins per kvB, `origin` the account's
    place in its wallet, as `d34db33f/84h/2h/0h`.
    """

    to: str
    fee_rate: str | None
    max_fee_gwei: int
    origin: str
