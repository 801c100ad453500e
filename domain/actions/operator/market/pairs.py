"""List pairs, and enable or disable them."""

from collections.abc import Sequence
from itertools import permutations

import msgspec

from domain.actions.operator.market.ports import MarketPorts
from domain.assets import Bounds
from domain.errors import NotFound


class ListedPair(msgspec.Struct, frozen=True):
    """A pair: its own switch, whether it can be swapped now, and the limits that apply to it."""

    source: str
    destination: str
    enabled: bool
    active: bool
    bounds: Bounds


async def list_pairs(ports: MarketPorts) -> Sequence[ListedPair]:
    """Return all pairs: any two different assets are one."""
    catalogue = await ports.settings.catalogue()
    own = await ports.settings.pairs()
    return [
        ListedPair(
            source,
            destination,
            enabled=(source, destination) not in own or own[source, destination].enabled,
            active=(source, destination) in catalogue.pairs,
            bounds=catalogue.bounds(source, destination),
        )
        for source, destination in permutations(catalogue.assets, 2)
    ]


async def show_pair(ports: MarketPorts, pair: tuple[str, str]) -> ListedPair:
    """Return a pair; raise NotFound."""
    for one in await list_pairs(ports):
        if (one.source, one.destination) == pair:
            return one
    raise NotFound(f"there is no pair {' to '.join(pair)}")


async def set_pair_enabled(ports: MarketPorts, pair: tuple[str, str], *, enabled: bool) -> None:
    """Enable or disable a pair; raise NotFound."""
    await ports.settings.set_pair_enabled(pair, enabled=enabled)
    await ports.announce()
