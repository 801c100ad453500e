"""`swapgate reserve`: what is available to pay out of each asset."""

from typing import Annotated, Any

import typer

from domain.actions.operator.market.ports import Reserve
from domain.actions.operator.market.reserves import list_reserves, set_reserve, show_reserve
from domain.money import format_units
from gateway.cli.command import (
    DATA_DIR,
    AsJson,
    AssetCode,
    DataDir,
    OneAssetCode,
    Reason,
    group,
    read,
    run,
)
from gateway.cli.output import show
from gateway.instance import Role

app = group("Payout reserves; an asset without one is unlimited.")

Amount = Annotated[
    str,
    typer.Argument(
        metavar="AMOUNT", help="The reserve in units of the asset; `none` for unlimited."
    ),
]


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List the reserves that are set, what of them is promised to open orders, and the rest."""
    found = read(Role.ADMIN, data_dir, lambda ports: list_reserves(ports.market()))
    show([_reserve_out(one) for one in found], as_json=as_json)


@app.command("show")
def show_one(
    code: OneAssetCode = None, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show an asset's reserve, or all that are set."""
    if code is None:
        list_all(data_dir=data_dir, as_json=as_json)
        return
    asset, reserve = read(Role.ADMIN, data_dir, lambda ports: show_reserve(ports.market(), code))
    unlimited = {"asset": asset.code, "amount": None, "promised": None, "left": None}
    show(_reserve_out(reserve) if reserve else unlimited, as_json=as_json)


@app.command("set")
def change(
    code: AssetCode,
    amount: Amount,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set an asset's reserve as of now; later payouts are deducted from it automatically."""
    asset, units = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_reserve(ports.market(), code, amount),
        reason=reason,
        state=lambda ports: show_reserve(ports.market(), code),
    )
    formatted = None if units is None else format_units(units, asset.precision)
    show({"asset": asset.code, "amount": formatted}, as_json=as_json)


def _reserve_out(reserve: Reserve) -> dict[str, Any]:
    precision = reserve.asset.precision
    return {
        "asset": reserve.asset.code,
        "amount": format_units(reserve.amount, precision),
        "promised": format_units(reserve.promised, precision),
        "left": format_units(reserve.available, precision),
    }
