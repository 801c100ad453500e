"""`swapgate fee`, `spread` and `network-fee`: what swaps cost beside the markup."""

from typing import Annotated, Any

import typer

from domain.actions.operator.market.fees import (
    set_fee,
    set_network_fee,
    set_spread,
    show_fees,
    show_network_fees,
    show_spread,
)
from domain.assets import Asset
from domain.money import format_units
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, group, read, run
from gateway.cli.output import show
from gateway.instance import Role

fee = group("The service fee, by the network of the payout.")
spread = group("The spread, which every swap pays in addition to the service fee.")
network_fee = group("The network fee, which is deducted from each payout of an asset.")

Network = Annotated[str, typer.Argument(metavar="NETWORK", help="A network's name, such as Tron.")]
OneNetwork = Annotated[
    str | None, typer.Argument(metavar="NETWORK", help="One network's name; all by default.")
]
Bps = Annotated[int, typer.Argument(metavar="BPS", help="The fee, 0..2000 basis points.")]
Spread = Annotated[int, typer.Argument(metavar="BPS", help="The spread, 0..2000 basis points.")]
Code = Annotated[str, typer.Argument(metavar="ASSET", help="An asset's code, such as btc.")]
OneCode = Annotated[
    str | None, typer.Argument(metavar="ASSET", help="One asset's code; all by default.")
]
Amount = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="The fee in units of the asset, such as 0.00002.")
]


@fee.command("show")
def show_service_fee(
    network: OneNetwork = None, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show the service fee of all networks, or of one; the spread is not included."""
    fees = read(Role.ADMIN, data_dir, lambda ports: show_fees(ports.market(), network))
    rows = [{"network": name, "feeBps": bps} for name, bps in fees.items()]
    show(rows if network is None else rows[0], as_json=as_json)


@fee.command("set")
def set_service_fee(
    network: Network,
    bps: Bps,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the service fee of swaps to a network."""
    name = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_fee(ports.market(), network, bps),
        reason=reason,
        state=lambda ports: show_fees(ports.market(), network),
    )
    show({"network": name, "feeBps": bps}, as_json=as_json)


@spread.command("show")
def show_current_spread(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show the spread."""
    bps = read(Role.ADMIN, data_dir, lambda ports: show_spread(ports.market()))
    show({"spreadBps": bps}, as_json=as_json)


@spread.command("set")
def set_new_spread(
    bps: Spread, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Set the spread; the rates of new quotes and orders include it, as they include the fee."""
    run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_spread(ports.market(), bps),
        reason=reason,
        state=lambda ports: show_spread(ports.market()),
    )
    show({"spreadBps": bps}, as_json=as_json)


@network_fee.command("show")
def show_network_fee(
    code: OneCode = None, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show the network fee of all assets, or of one."""
    assets = read(Role.ADMIN, data_dir, lambda ports: show_network_fees(ports.market(), code))
    rows = [_network_fee_out(asset, asset.network_fee) for asset in assets]
    show(rows if code is None else rows[0], as_json=as_json)


@network_fee.command("set")
def set_new_network_fee(
    code: Code,
    amount: Amount,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the network fee that is deducted from each payout of an asset."""
    asset, units = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_network_fee(ports.market(), code, amount),
        reason=reason,
        state=lambda ports: show_network_fees(ports.market(), code),
    )
    show(_network_fee_out(asset, units), as_json=as_json)


def _network_fee_out(asset: Asset, units: int) -> dict[str, Any]:
    return {"asset": asset.code, "networkFee": format_units(units, asset.precision)}
