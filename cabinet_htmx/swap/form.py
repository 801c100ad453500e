"""The swap form as a visitor has filled it in."""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self

import msgspec

from domain.actions.orders.quote import SwapRequest
from domain.market.pricing import Direction
from domain.orders.states import RateType

MAX_FIELD_LENGTH: Final = 300
"""Beyond any address, tag or amount: what is longer is cut, and then refused for what it is."""

_ONCE = re.compile(r"[A-Za-z0-9_-]{22,43}", re.ASCII)
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", re.ASCII)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Step(StrEnum):
    """What a visitor wants done with the form, where scripts don't do it for them."""

    QUOTE = "quote"
    REVERSE = "reverse"
    OPEN = "open"


class SwapForm(msgspec.Struct, frozen=True, kw_only=True):
    """Texts of all fields. `was_send` and `was_get` are the amounts as the page last showed them.

    So the amount that was edited is known without a script: it is the one that differs.
    """

    source: str = ""
    destination: str = ""
    send: str = ""
    get: str = ""
    was_send: str = ""
    was_get: str = ""
    side: Direction = Direction.FROM
    rate_type: RateType = RateType.FLOAT
    to_address: str = ""
    tag: str = ""
    refund_address: str = ""
    once: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """Take what was sent, whatever it is: what makes no sense is as if left empty."""
        texts = {name: _cleaned(value) for name, value in fields.items()}
        form = cls(
            source=texts.get("from", ""),
            destination=texts.get("to", ""),
            send=_amount(texts.get("send", "")),
            get=_amount(texts.get("get", "")),
            was_send=texts.get("was_send", ""),
            was_get=texts.get("was_get", ""),
            side=Direction.TO if texts.get("side") == "to" else Direction.FROM,
            rate_type=RateType.FIXED if texts.get("type") == "fixed" else RateType.FLOAT,
            to_address=texts.get("to_address", ""),
            tag=texts.get("tag", ""),
            refund_address=texts.get("refund_address", ""),
            once=texts.get("once", ""),
        )
        if form.send != form.was_send:
            return msgspec.structs.replace(form, side=Direction.FROM)
        if form.get != form.was_get:
            return msgspec.structs.replace(form, side=Direction.TO)
        return form

    @property
    def amount(self) -> str:
        """Return the amount that is asked for, of the side that `side` names."""
        return self.send if self.side is Direction.FROM else self.get

    @property
    def has_once(self) -> bool:
        """Tell whether it carries what the page gave it to be sent once with."""
        return _ONCE.fullmatch(self.once) is not None

    def reversed(self) -> Self:
        """Return the form the other way round: what would be got is sent."""
        return msgspec.structs.replace(
            self,
            source=self.destination,
            destination=self.source,
            send=self.get,
            get="",
            side=Direction.FROM,
            to_address=self.refund_address,
            refund_address=self.to_address,
            tag="",
        )

    def swap(self) -> SwapRequest:
        """Return what is to be priced, in the domain's terms."""
        return SwapRequest(
            rate_type=self.rate_type,
            source=self.source,
            destination=self.destination,
            direction=self.side,
            amount=self.amount,
        )


def _cleaned(text: str) -> str:
    """Return a field without what doesn't show: it comes along when addresses are pasted."""
    shown = "".join(
        one for one in text[:MAX_FIELD_LENGTH] if unicodedata.category(one) not in _HIDDEN
    )
    return shown.strip()


def _amount(text: str) -> str:
    """Return an amount as it is read: with a point, where the keyboard of a phone has a comma.

    Grouped thousands stay as they are, and so are refused: `1,000` might be meant as one or as a
    thousand.
    """
    if "," in text and _GROUPED.fullmatch(text) is None and text.count(",") == 1:
        text = text.replace(",", ".") if "." not in text else text
    if text.startswith("."):
        text = "0" + text
    return text.removesuffix(".")
