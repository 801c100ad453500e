"""The options of the time zone field, grouped by region."""

from collections.abc import Sequence
from functools import cache
from typing import Final
from zoneinfo import available_timezones

import msgspec

REGIONS: Final = (
    *("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian"),
    "Pacific",
)


class Zone(msgspec.Struct, frozen=True):
    """An option; `label` is the zone's name without its region."""

    name: str
    label: str
    chosen: bool


def zones(chosen: str) -> list[tuple[str, list[Zone]]]:
    """Return all zones by region, preceded by UTC and a chosen zone that has no region."""
    first = [Zone("UTC", "UTC", chosen=chosen == "UTC")]
    if chosen != "UTC" and chosen.partition("/")[0] not in REGIONS:
        first.append(Zone(chosen, chosen, chosen=True))
    grouped = [
        (region, [Zone(name, _label(name), chosen=name == chosen) for name in names])
        for region, names in _by_region()
    ]
    return [("Universal", first), *grouped]


@cache
def _by_region() -> Sequence[tuple[str, Sequence[str]]]:
    names = sorted(available_timezones())
    return [(region, [one for one in names if one.startswith(f"{region}/")]) for region in REGIONS]


def _label(name: str) -> str:
    return name.partition("/")[2].replace("_", " ").replace("/", ": ")
