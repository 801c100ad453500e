"""`swapgate reserve`: what there is to pay out of each asset."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import NotFound
from domain.market.limits import NONE
from domain.money import format_units, parse_units
from gateway.cli.command import DATA_DIR, AsJson, DataDir, nouns, run, show
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.cli.connections import OperatorPorts

app = nouns("Reserves: what there is to pay out; an asset without one is thought to be endless.")

Code = Annotated[str, typer.Argument(metavar="ASSET", help="An asset's code, such as btc.")]
Amount = Annotated[
    str, typer.Argument(help="What there is, in units of the asset; `none` for endless.")
]


@app.command("list")
def all_reserves(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show the reserves that are set, what is promised of them to open orders, and what is left."""
    show(run(Role.ADMIN, data_dir, _list), as_json=as_json)


@app.command("set")
def change(
    code: Code, amount: Amount, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Set what there is of an asset now; payouts are taken off by themselves."""
    show(run(Role.ADMIN, data_dir, lambda desk: _set(desk, code.lower(), amount)), as_json=as_json)


async def _list(desk: "OperatorPorts") -> list[dict[str, Any]]:
    from persistence.postgres.market.reserves import read_reserves

    return [
        {
            "asset": one.asset.code,
            "amount": format_units(one.amount, one.asset.precision),
            "promised": format_units(one.promised, one.asset.precision),
            "left": format_units(max(one.amount - one.promised, 0), one.asset.precision),
        }
        for one in await read_reserves(desk.database, await desk.catalogue())
    ]


async def _set(desk: "OperatorPorts", code: str, amount: str) -> dict[str, Any]:
    from persistence.postgres.market.reserves import set_reserve

    asset = (await desk.catalogue()).assets.get(code)
    if asset is None:
        raise NotFound(f"there is no asset {code}")
    units = None if amount == NONE else parse_units(amount, asset.precision)
    await set_reserve(desk.database, asset, units)
    await desk.tell()
    return {
        "asset": code,
        "amount": None if units is None else format_units(units, asset.precision),
    }
