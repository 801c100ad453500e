"""`swapgate asset`: which assets are listed."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.assets import Asset
from domain.money import format_units
from gateway.cli.command import DATA_DIR, AsJson, DataDir, nouns, run, show
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.cli.connections import OperatorPorts

FOR_PEOPLE = ("code", "coin", "network", "enabled", "networkFee", "feeBps")

app = nouns("Assets: what can be swapped.")

Code = Annotated[str, typer.Argument(help="An asset's code, such as usdt_trc20.")]


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List all assets, enabled or not."""
    catalogue = run(Role.ADMIN, data_dir, lambda desk: desk.catalogue())
    assets = [_asset_out(asset) for asset in catalogue.assets.values()]
    people = [{name: asset[name] for name in FOR_PEOPLE} for asset in assets]
    show(assets, as_json=as_json, people=people)


@app.command()
def enable(code: Code, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List an asset and let it be swapped."""
    show(run(Role.ADMIN, data_dir, lambda desk: _switch(desk, code, on=True)), as_json=as_json)


@app.command()
def disable(code: Code, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Take an asset off the list; orders that are open go on."""
    show(run(Role.ADMIN, data_dir, lambda desk: _switch(desk, code, on=False)), as_json=as_json)


async def _switch(desk: "OperatorPorts", code: str, *, on: bool) -> dict[str, Any]:
    from persistence.postgres.market.switches import set_asset_enabled

    known = code.lower()
    await set_asset_enabled(desk.database, known, enabled=on)
    await desk.tell()
    return {"code": known, "enabled": on}


def _asset_out(asset: Asset) -> dict[str, Any]:
    return {
        "code": asset.code,
        "coin": asset.coin,
        "network": asset.network,
        "enabled": asset.enabled,
        "receivable": asset.receivable,
        "sendable": asset.sendable,
        "precision": asset.precision,
        "networkFee": format_units(asset.network_fee, asset.precision),
        "feeBps": asset.fee_bps,
    }
