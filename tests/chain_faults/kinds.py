"""What is ordered, who receives it, and how the operator ends what cannot be paid."""

from enum import Enum
from random import Random
from typing import Final

import msgspec


class End(Enum):
    """Where the funds of an order are in the end."""

    PAID = "paid"
    REFUNDED = "refunded"
    KEPT = "kept"


class WayOut(Enum):
    """What the operator does with an order that cannot be paid out or refunded."""

    NONE = "nothing"
    REFUND = "refund"
    CANCEL = "cancel"
    HOLD_AND_REFUND = "hold and refund"
    RELEASE = "release, once the recipient accepts payments"
    RESEND = "resend, once the recipient accepts payments"
    CLOSE = "close"
    RAISE_BOUND = "raise the bound"


class Kind(msgspec.Struct, frozen=True):
    """The assets and amounts of an order; `paid` differs from `amount` if it is to be refunded.

    `hostile` names the contract that is paid or refunded, or the fault of its token or network.
    """

    source: str
    destination: str
    amount: str
    paid: str
    refund: bool = False
    hostile: str = ""
    ways_out: tuple[WayOut, ...] = (WayOut.NONE,)

    @property
    def sent(self) -> str:
        """Return the asset that settlement first attempts to send."""
        return self.source if self.refund else self.destination

    @property
    def leaves_on_litecoin(self) -> bool:
        return self.sent == "ltc"

    def end(self, way_out: WayOut) -> End:
        if way_out in (WayOut.CANCEL, WayOut.CLOSE):
            return End.KEPT
        if way_out in (WayOut.REFUND, WayOut.HOLD_AND_REFUND):
            return End.REFUNDED
        return End.REFUNDED if self.refund else End.PAID


PAYOUTS: Final = (
    Kind("ltc", "eth", "2", "2"),
    Kind("ltc", "usdt_erc20", "2", "2"),
    Kind("usdt_erc20", "ltc", "150", "150"),
)
REFUNDS: Final = (
    Kind("ltc", "eth", "2", "0.005", refund=True),
    Kind("usdt_erc20", "ltc", "150", "6000", refund=True),
)

UNSENT: Final = (WayOut.REFUND, WayOut.CANCEL, WayOut.HOLD_AND_REFUND, WayOut.RELEASE)
FAILED: Final = (WayOut.REFUND, WayOut.RESEND, WayOut.CLOSE)


def _to_contract(hostile: str, *ways_out: WayOut) -> Kind:
    return Kind("ltc", "eth", "2", "2", hostile=hostile, ways_out=ways_out)


HOSTILE: Final = (
    _to_contract("gas burner", *UNSENT),
    _to_contract("reverter", *UNSENT),
    _to_contract("return bomb", *UNSENT),
    _to_contract("self-destructed", WayOut.NONE),
    _to_contract("proxy to a burner", *UNSENT),
    Kind("ltc", "usdc_erc20", "2", "2", hostile="false token", ways_out=UNSENT),
    _to_contract("two-faced", *FAILED),
    _to_contract("fee spike", WayOut.RAISE_BOUND),
    Kind("ltc", "usdc_erc20", "2", "2", hostile="lying token", ways_out=UNSENT),
    Kind("ltc", "usdc_erc20", "2", "2", hostile="two-faced token", ways_out=FAILED),
    Kind("eth", "ltc", "0.05", "3", refund=True, hostile="gas burner",
         ways_out=(WayOut.CANCEL, WayOut.RELEASE)),
    _to_contract("revert bomb", *UNSENT),
    _to_contract("self-destructing", WayOut.NONE),
    _to_contract("expensive wallet", WayOut.NONE),
)  # fmt: skip
"""The first ones are in every run of ten orders."""


def planned(random: Random, orders: int) -> list[Kind]:
    """Return the kinds of so many orders: half of them hostile, all but two of a few."""
    hostile = max(0, min(max(orders // 2, len(HOSTILE)), orders - 2))
    kinds = [HOSTILE[number % len(HOSTILE)] for number in range(hostile)]
    regular = (REFUNDS if random.random() < 0.35 else PAYOUTS for _ in range(orders - hostile))
    kinds += [random.choice(group) for group in regular]
    random.shuffle(kinds)
    return kinds
