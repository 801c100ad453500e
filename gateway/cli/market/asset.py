"""`swapgate asset`: which assets are listed."""

from typing import Annotated, Any

import typer

from domain.actions.operator.market.assets import list_assets, set_asset_enabled, show_asset
from domain.assets import Asset
from domain.money import format_units
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, group, read, run
from gateway.cli.output import show
from gateway.instance import Role

COLUMNS = ("code", "coin", "network", "chainId", "contract", "enabled", "networkFee", "feeBps")

app = group("List and show assets, enable and disable them.")

Code = Annotated[str, typer.Argument(metavar="CODE", help="An asset's code, such as usdt_trc20.")]


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List all assets, enabled or not."""
    found = read(Role.ADMIN, data_dir, lambda ports: list_assets(ports.market()))
    assets = [_asset_out(asset) for asset in found]
    table = [{name: asset[name] for name in COLUMNS} for asset in assets]
    show(assets, as_json=as_json, table=table)


@app.command("show")
def show_one(code: Code, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show an asset with its chain and contract."""
    asset = read(Role.ADMIN, data_dir, lambda ports: show_asset(ports.market(), code))
    show(_asset_out(asset), as_json=as_json)


@app.command()
def enable(
    code: Code, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """List an asset and accept swaps of it."""
    known = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_asset_enabled(ports.market(), code, enabled=True),
        reason=reason,
        state=lambda ports: show_asset(ports.market(), code),
    )
    show({"code": known, "enabled": True}, as_json=as_json)


@app.command()
def disable(
    code: Code, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Take an asset off the list; open orders continue."""
    known = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_asset_enabled(ports.market(), code, enabled=False),
        reason=reason,
        state=lambda ports: show_asset(ports.market(), code),
    )
    show({"code": known, "enabled": False}, as_json=as_json)


def _asset_out(asset: Asset) -> dict[str, Any]:
    return {
        "code": asset.code,
        "coin": asset.coin,
        "network": asset.network,
        "chain": asset.chain,
        "chainId": asset.chain_id,
        "contract": asset.contract,
        "enabled": asset.enabled,
        "receivable": asset.receivable,
        "sendable": asset.sendable,
        "precision": asset.precision,
        "networkFee": format_units(asset.network_fee, asset.precision),
        "feeBps": asset.fee_bps,
    }
