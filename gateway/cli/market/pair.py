"""`swapgate pair`: which pairs may be swapped."""

from itertools import permutations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.money import format_usd
from gateway.cli.command import DATA_DIR, AsJson, DataDir, nouns, run, show
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.cli.connections import OperatorPorts

app = nouns("Pairs: what can be swapped for what.")

Source = Annotated[str, typer.Argument(metavar="FROM", help="The code of the asset we receive.")]
Destination = Annotated[str, typer.Argument(metavar="TO", help="The code of the asset we pay out.")]


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List all pairs: `enabled` is the pair's own switch, `active` counts its assets' too."""
    show(run(Role.ADMIN, data_dir, _pairs), as_json=as_json)


@app.command()
def enable(
    source: Source,
    destination: Destination,
    *,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Let a pair be swapped."""
    pair = (source.lower(), destination.lower())
    show(run(Role.ADMIN, data_dir, lambda desk: _switch(desk, pair, on=True)), as_json=as_json)


@app.command()
def disable(
    source: Source,
    destination: Destination,
    *,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Let a pair no longer be swapped; orders that are open go on."""
    pair = (source.lower(), destination.lower())
    show(run(Role.ADMIN, data_dir, lambda desk: _switch(desk, pair, on=False)), as_json=as_json)


async def _switch(desk: "OperatorPorts", pair: tuple[str, str], *, on: bool) -> dict[str, Any]:
    from persistence.postgres.market.switches import set_pair_enabled

    source, destination = pair
    await set_pair_enabled(desk.database, source, destination, enabled=on)
    await desk.tell()
    return {"from": source, "to": destination, "enabled": on}


async def _pairs(desk: "OperatorPorts") -> list[dict[str, Any]]:
    from persistence.postgres.market.switches import read_pair_settings

    catalogue = await desk.catalogue()
    own = await read_pair_settings(desk.database)
    pairs = []
    for source, destination in permutations(catalogue.assets, 2):
        settings = own.get((source, destination))
        bounds = catalogue.bounds(source, destination)
        pairs.append(
            {
                "from": source,
                "to": destination,
                "enabled": settings is None or settings.enabled,
                "active": (source, destination) in catalogue.pairs,
                "minUsd": format_usd(bounds.min_usd),
                "maxUsd": format_usd(bounds.max_usd),
            }
        )
    return pairs
