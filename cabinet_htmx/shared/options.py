"""What a list of a form offers to choose from."""

from collections.abc import Iterable

import msgspec

from domain.assets import Asset


class Option(msgspec.Struct, frozen=True):
    """Something to choose."""

    value: str
    label: str
    chosen: bool


def asset_options(assets: Iterable[Asset], chosen: str) -> list[Option]:
    """Return assets to choose from, by coin and network."""
    return [Option(one.code, f"{one.coin} · {one.network}", one.code == chosen) for one in assets]
