"""The link builder of a referral code."""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from cabinet_htmx.partner.codes.code_view import CodeView
from cabinet_htmx.shared.options import Option, asset_options
from domain.assets import Asset


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """A referral link, with or without a pair, and the selectable assets."""

    url: str
    qr_code: str
    sources: Sequence[Option]
    destinations: Sequence[Option]
    has_pair: bool
    is_available: bool


class Pair(msgspec.Struct, frozen=True):
    """The assets chosen for a link; empty where none was chosen, or an unknown one."""

    source: str
    destination: str

    @property
    def query(self) -> str:
        """Return the query string of the link."""
        sides = {"from": self.source, "to": self.destination}
        chosen = {side: code for side, code in sides.items() if code}
        return f"?{urlencode(chosen)}" if chosen else ""


def link_view(
    code: CodeView, pair: Pair, assets: Sequence[Asset], *, is_available: bool
) -> LinkView:
    """Return the link builder of a code; `is_available` states whether the pair is offered."""
    return LinkView(
        url=f"{code.link}{pair.query}",
        qr_code=f"{code.path}/qr.png{pair.query}",
        sources=asset_options(assets, pair.source),
        destinations=asset_options(assets, pair.destination),
        has_pair=bool(pair.source and pair.destination),
        is_available=is_available,
    )
