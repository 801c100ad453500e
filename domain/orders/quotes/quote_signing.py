"""quoteIds: what a firm quote states, signed, so that nothing is stored when it is issued."""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from domain.errors import QuoteInvalid
from domain.market.conversion import Rate
from domain.market.pricing import Direction, OfPricedPairs, PricedPair, Quote
from domain.orders.quotes.firm_quote import VALID_SECONDS, Audience, FirmQuote, Holder
from domain.orders.states import RateType
from domain.reasons import Reason

KEY_PURPOSE: Final = b"firm quote"
"""Purpose of the derived keys; other purposes have other keys."""

MAX_LENGTH: Final = 600

_VERSION: Final = "1"
_NONE: Final = b"-"
_ID_BYTES: Final = 16
_MAC_BYTES: Final = 32
_IDS_AT_ONCE: Final = 64
_NOBODY: Final = bytes(16)
_FIELDS: Final = 20
_TEXT: Final = re.compile(r"[A-Za-z0-9_.-]{1,535}", re.ASCII)


class QuotedTerms(Protocol):
    """What a quoteId states of a request; its amounts are those of the quote."""

    @property
    def rate_type(self) -> RateType:
        """Return whether the rate is guaranteed."""

    @property
    def direction(self) -> Direction:
        """Return the side whose amount was requested."""


class QuoteSigner:
    """Signs and verifies quoteIds with keyed BLAKE2b under named keys, of which one signs.

    A quoteId is the text of its fields, and their authentication code in hex. The partner's id is
    signed but not part of it, as in a referral cookie: visitors of the swap page receive it.
    """

    def __init__(
        self,
        keys: Mapping[str, bytes],
        *,
        current: Callable[[], str],
        randomness: Callable[[int], bytes],
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._current = current
        self._newest: tuple[int, bytes, hashlib.blake2b] | None = None
        self._states: dict[bytes, hashlib.blake2b] = {}
        self._randomness = randomness
        self._unix_time = unix_time
        self._ids: list[bytes] = []
        self._terms = OfPricedPairs(_terms_of)

    def sign(
        self, quote: Quote, swap: QuotedTerms, holder: Holder, region: str | None = None
    ) -> tuple[bytes, int]:
        """Return the quoteId of a quote without problems, and the last second in which it is valid.

        Each has an id of its own, and is valid for all of VALID_SECONDS, in whichever part of a
        second it was made.
        """
        valid_until = int(self._unix_time()) + VALID_SECONDS
        newest = self._newest
        if newest is None or newest[0] != valid_until:
            newest = self._newest_head(valid_until)
        _, head, key = newest
        ids = self._ids or self._more_ids()
        code, partner_id = holder.code_id, holder.partner_id
        text = b"%b.%b.%b.%b.%b.%d.%d.%b.%b.%b" % (
            head,
            ids.pop(),
            holder.audience.encode(),
            swap.rate_type.encode(),
            swap.direction.encode(),
            quote.source_amount,
            quote.destination_amount,
            _NONE if code is None else code.hex.encode(),
            _NONE if region is None else region.encode(),
            self._terms[quote.priced],
        )
        mac = key.copy()
        mac.update((_NOBODY if partner_id is None else partner_id.bytes) + text)
        return b"%b.%b" % (text, mac.hexdigest().encode()), valid_until

    def verify(self, quote_id: str, *, partner_id: UUID, visitor: bool, at: datetime) -> FirmQuote:
        """Return what a quoteId states; raise QuoteInvalid unless the partner may use it now.

        A `visitor` of the swap page may use quotes that the page has shown, and a partner all
        others.
        """
        text, _, mac = quote_id.rpartition(".")
        fields = text.split(".")
        if len(fields) != _FIELDS or fields[0] != _VERSION or _TEXT.fullmatch(text) is None:
            raise _unknown("malformed, or of another version")
        key = self._keys.get(fields[1])
        holder = None if fields[4] == Audience.ANYONE else partner_id
        if key is None:
            raise _unknown("signed with a key that is unknown, or was removed")
        expected = self._prepared(key).copy()
        expected.update((_NOBODY if holder is None else holder.bytes) + text.encode())
        if not hmac.compare_digest(expected.hexdigest().encode(), mac.encode()):
            raise _unknown("altered, or of another partner or installation")
        quote = _parsed(fields, holder)
        if (quote.holder.audience is Audience.VISITOR) is not visitor:
            raise _unknown("not for this use")
        if int(at.timestamp()) > quote.valid_until:
            raise QuoteInvalid("expired", reason=Reason.QUOTE_EXPIRED)
        return quote

    def _newest_head(self, valid_until: int) -> tuple[int, bytes, hashlib.blake2b]:
        """Return the first fields of quotes that expire then, and the key that signs them.

        The key that signs is read once a second. A key that was superseded since still verifies: it
        is kept for longer than any quote lives.
        """
        name = self._current()
        head = f"{_VERSION}.{name}.{valid_until}".encode()
        self._newest = valid_until, head, self._prepared(self._keys[name])
        return self._newest

    def _more_ids(self) -> list[bytes]:
        random = self._randomness(_ID_BYTES * _IDS_AT_ONCE).hex().encode()
        self._ids = [random[at : at + 2 * _ID_BYTES] for at in range(0, len(random), 2 * _ID_BYTES)]
        return self._ids

    def _prepared(self, key: bytes) -> hashlib.blake2b:
        """Return the state of BLAKE2b once it has hashed a key (RFC 7693, section 2.9)."""
        prepared = self._states.get(key)
        if prepared is None:
            prepared = hashlib.blake2b(key=key, digest_size=_MAC_BYTES)
            self._states[key] = prepared
        return prepared


def _terms_of(priced: PricedPair) -> bytes:
    """Return the fields that all quotes of a priced pair share."""
    return b"%b.%b.%d.%d.%d.%d.%d.%d.%d" % (
        priced.pair.source.code.encode(),
        priced.pair.destination.code.encode(),
        priced.rate.digits,
        priced.rate.decimals,
        priced.network_fee,
        priced.margin.fee_bps,
        priced.margin.markup_bps,
        priced.source_price,
        priced.destination_price,
    )


def _unknown(message: str) -> QuoteInvalid:
    return QuoteInvalid(message, reason=Reason.QUOTE_UNKNOWN)


def _parsed(texts: list[str], partner_id: UUID | None) -> FirmQuote:
    """Return the quote of the fields of a text that was signed."""
    code, region = texts[9], texts[10]
    return FirmQuote(
        id=UUID(texts[3]),
        valid_until=int(texts[2]),
        holder=Holder(Audience(texts[4]), partner_id, None if code == "-" else UUID(code)),
        rate_type=RateType(texts[5]),
        direction=Direction(texts[6]),
        source_amount=int(texts[7]),
        destination_amount=int(texts[8]),
        region=None if region == "-" else region,
        source=texts[11],
        destination=texts[12],
        rate=Rate(int(texts[13]), int(texts[14])),
        network_fee=int(texts[15]),
        fee_bps=int(texts[16]),
        markup_bps=int(texts[17]),
        source_price=int(texts[18]),
        destination_price=int(texts[19]),
    )
