"""The options of a select field."""

from collections.abc import Iterable

import msgspec

from domain.assets import Asset


class Option(msgspec.Struct, frozen=True):
    """One option; `chosen` is the field's value."""

    value: str
    label: str
    chosen: bool


def asset_options(assets: Iterable[Asset], chosen: str) -> list[Option]:
    """Return one option per asset, labelled by coin and network."""
    return [Option(one.code, f"{one.coin} · {one.network}", one.code == chosen) for one in assets]
