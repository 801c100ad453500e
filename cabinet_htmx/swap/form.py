"""The swap form as submitted."""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self

import msgspec

from domain.actions.orders.quote import QuotedSwap, SwapRequest
from domain.market.pricing import Direction
from domain.orders.quotes.quote_signing import MAX_LENGTH
from domain.orders.states import RateType

MAX_FIELD_LENGTH: Final = 300
"""Longer than any address, tag or amount. Longer text is truncated and then fails validation."""

_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{22,43}", re.ASCII)
_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", re.ASCII)
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Step(StrEnum):
    """The action of a submit button."""

    QUOTE = "quote"
    REVERSE = "reverse"
    OPEN = "open"


class SwapForm(msgspec.Struct, frozen=True, kw_only=True):
    """The text of all fields. `was_send` and `was_get` are the amounts that the page last showed.

    Comparing them with the submitted amounts identifies the edited one without JavaScript.
    `quote_id` is of the price that the page last showed; empty without one.
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
    idempotency_key: str = ""
    quote_id: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """Return the form of the submitted fields; invalid values become the defaults."""
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
            idempotency_key=texts.get("once", ""),
            quote_id=fields.get("quote", "")[: MAX_LENGTH + 1],
        )
        if form.send != form.was_send:
            return msgspec.structs.replace(form, side=Direction.FROM)
        if form.get != form.was_get:
            return msgspec.structs.replace(form, side=Direction.TO)
        return form

    @property
    def amount(self) -> str:
        """Return the amount of the side that `side` names."""
        return self.send if self.side is Direction.FROM else self.get

    @property
    def has_idempotency_key(self) -> bool:
        """Return whether the form contains a well-formed idempotency key."""
        return _IDEMPOTENCY_KEY.fullmatch(self.idempotency_key) is not None

    @property
    def has_amount(self) -> bool:
        """Return whether an amount was entered, be it valid or not."""
        return bool(self.amount.strip("0."))

    def reversed(self) -> Self:
        """Return the form with both sides exchanged; the amount to get is now sent."""
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
        """Return the swap to quote."""
        return SwapRequest(
            rate_type=self.rate_type,
            source=self.source,
            destination=self.destination,
            direction=self.side,
            amount=self.amount,
        )

    def quoted_swap(self) -> QuotedSwap:
        """Return the swap to open: that of the quote shown, if the form was not edited since."""
        return QuotedSwap(
            quote_id=self.quote_id,
            rate_type=self.rate_type,
            source=self.source,
            destination=self.destination,
            direction=self.side,
            amount=self.amount,
        )


def _cleaned(text: str) -> str:
    """Return a field without invisible characters, which pasted addresses often contain."""
    visible = (c for c in text[:MAX_FIELD_LENGTH] if unicodedata.category(c) not in _INVISIBLE)
    return "".join(visible).strip()


def _amount(text: str) -> str:
    """Return an amount with a decimal point: phone keyboards may offer only a comma.

    Grouped digits such as `1,000` are not changed and fail validation, because they could mean one
    or one thousand.
    """
    if "," in text and _GROUPED.fullmatch(text) is None and text.count(",") == 1:
        text = text.replace(",", ".") if "." not in text else text
    if text.startswith("."):
        text = "0" + text
    return text.removesuffix(".")
