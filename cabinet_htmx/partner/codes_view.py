"""What the pages of reference codes show: figures, markup in percent, links, forms with faults."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Self
from urllib.parse import urlencode

import msgspec

from cabinet_htmx.shared.amounts import percent, percentage
from cabinet_htmx.shared.options import Option, asset_options
from domain.assets import Asset
from domain.errors import InvalidRequest
from domain.money import format_usd
from domain.partners.codes import CodeRoom, ListedCode
from domain.partners.partner import MAX_MARKUP_BPS

_PERCENTAGE = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,2}))?", re.ASCII)

NAME_FAULT: Final = "Please take 4 to 32 letters, digits, underscores and hyphens."
TAKEN: Final = (
    "This name is taken, maybe by another partner: links name a code alone. Please take another."
)
FULL: Final = "There is no room for another code: whoever runs this service can make some."
LABEL_FAULT: Final = "Please take at most 64 characters that show in one line."
MARKUP_FAULT: Final = (
    f"Please give a percentage from 0 to {MAX_MARKUP_BPS // 100}, with at most two decimals, or "
    "leave it empty."
)


class CodeView(msgspec.Struct, frozen=True, kw_only=True):
    """A code, and what it has brought: USD in cents, rounded down as the API has them."""

    name: str
    label: str | None
    markup: str
    own_markup: bool
    enabled: bool
    created_at: datetime
    orders: int
    volume_usd: str
    earnings_usd: str
    path: str
    origin: str

    @classmethod
    def of(cls, listed: ListedCode, *, default_bps: int, origin: str) -> Self:
        """Return the view of a code; `origin` is where links begin."""
        code, brought = listed.code, listed.statistics
        own = code.markup_bps is not None
        return cls(
            name=code.code,
            label=code.label,
            markup=percent(code.markup_bps if code.markup_bps is not None else default_bps),
            own_markup=own,
            enabled=code.enabled,
            created_at=code.created_at,
            orders=brought.orders,
            volume_usd=format_usd(brought.volume_usd),
            earnings_usd=format_usd(brought.earnings_usd),
            path=f"/partner/codes/{code.code}",
            origin=origin,
        )

    @property
    def link(self) -> str:
        """Return the referral link."""
        return f"{self.origin}/r/{self.name}"


class CodeForm(msgspec.Struct, frozen=True, kw_only=True):
    """A form of a code as it was sent, or as the code stands, and what is wrong with it."""

    code: str = ""
    label: str = ""
    markup: str = ""
    faults: Mapping[str, str] = {}

    @classmethod
    def of(cls, listed: ListedCode) -> Self:
        """Return the form of a code as it stands."""
        bps = listed.code.markup_bps
        return cls(
            code=listed.code.code,
            label=listed.code.label or "",
            markup="" if bps is None else percentage(bps),
        )


class RoomView(msgspec.Struct, frozen=True):
    """How many codes there are and may be, and the markup of codes without their own."""

    codes: int
    most: int
    default_markup: str

    @classmethod
    def of(cls, room: CodeRoom) -> Self:
        """Return the view."""
        return cls(room.codes, room.most, percent(room.markup_bps))

    @property
    def is_full(self) -> bool:
        """Tell whether there can't be another code."""
        return self.codes >= self.most


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """A referral link, with or without a pair, and the assets to choose from."""

    address: str
    picture: str
    sources: Sequence[Option]
    destinations: Sequence[Option]
    has_pair: bool
    is_offered: bool


class Pair(msgspec.Struct, frozen=True):
    """The assets that somebody has chosen for a link; empty where none is, or an unknown one."""

    source: str
    destination: str

    @property
    def query(self) -> str:
        """Return what comes behind a link's path."""
        chosen = {"from": self.source, "to": self.destination}
        given = {side: code for side, code in chosen.items() if code}
        return f"?{urlencode(given)}" if given else ""


def link_view(code: CodeView, pair: Pair, assets: Sequence[Asset], *, is_offered: bool) -> LinkView:
    """Return the link builder of a code."""
    return LinkView(
        address=f"{code.link}{pair.query}",
        picture=f"{code.path}/qr.png{pair.query}",
        sources=asset_options(assets, pair.source),
        destinations=asset_options(assets, pair.destination),
        has_pair=bool(pair.source and pair.destination),
        is_offered=is_offered,
    )


def bps_of(text: str) -> int | None:
    """Return the basis points of a percentage, None for nothing; raise InvalidRequest."""
    plain = text.strip().removesuffix("%").strip().replace(",", ".")
    if not plain:
        return None
    parts = _PERCENTAGE.fullmatch(plain)
    if parts is None:
        raise InvalidRequest("not a percentage")
    return int(parts[1]) * 100 + int((parts[2] or "").ljust(2, "0"))
