"""The options of a select field."""

from collections.abc import Iterable

import msgspec

from domain.assets import Asset


class Option(msgspec.Struct, frozen=True):
    """One option; `chosen` means that it is selected."""

    value: str
    label: str
    chosen: bool


def asset_options(assets: Iterable[Asset], chosen: str) -> list[Option]:
    """Return one option for each asset, labelled with its coin and network."""
    return [
        Option(asset.code, f"{asset.coin} · {asset.network}", asset.code == chosen)
        for asset in assets
    ]
