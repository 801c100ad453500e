"""`swapgate fee`, `spread` and `network-fee`: what swaps cost beside the markup."""

from typing import Annotated, Any

import typer

from domain.actions.operator.market.fees import (
    set_fee,
    set_network_fee,
    set_network_fee_rule,
    set_spread,
    show_fees,
    show_network_fee_rule,
    show_network_fees,
    show_spread,
)
from domain.assets import Asset
from domain.market.network_fees import NetworkFee
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

fee = group("The service fee, by the network of the payout.")
spread = group("The spread, which every swap pays in addition to the service fee.")
network_fee = group("The network fee, which is deducted from each payout of an asset.")

Network = Annotated[str, typer.Argument(metavar="NETWORK", help="A network's name, such as Tron.")]
OneNetwork = Annotated[
    str | None, typer.Argument(metavar="NETWORK", help="One network's name; all by default.")
]
Bps = Annotated[int, typer.Argument(metavar="BPS", help="The fee, 0..2000 basis points.")]
Spread = Annotated[int, typer.Argument(metavar="BPS", help="The spread, 0..2000 basis points.")]
Amount = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="The fee in units of the asset, such as 0.00002.")
]

MarginBps = Annotated[int | None, typer.Option(help="Added to an estimate, 0..50000 basis points.")]
MaxMultiple = Annotated[
    int | None,
    typer.Option(help="Maximum as a multiple of the operator's number; 1 ignores estimates."),
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
    code: OneAssetCode = None, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show the network fee that new orders get, the operator's number, and the newest estimate."""
    fees = read(Role.ADMIN, data_dir, lambda ports: show_network_fees(ports.market(), code))
    rows = [_estimated_out(one) for one in fees]
    show(rows if code is None else rows[0], as_json=as_json)


@network_fee.command("set")
def set_new_network_fee(
    code: AssetCode,
    amount: Amount,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the least network fee that is deducted from a payout; estimates may raise it."""
    asset, units = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_network_fee(ports.market(), code, amount),
        reason=reason,
        state=lambda ports: show_network_fees(ports.market(), code),
    )
    show(_network_fee_out(asset, units), as_json=as_json)


@network_fee.command("follow")
def follow(
    *,
    margin_bps: MarginBps = None,
    max_multiple: MaxMultiple = None,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show or set how network fees follow what payouts cost, as settlement estimates it."""
    if margin_bps is None and max_multiple is None:
        rule = read(Role.ADMIN, data_dir, lambda ports: show_network_fee_rule(ports.market()))
    else:
        rule = run(
            Role.ADMIN,
            data_dir,
            lambda ports: set_network_fee_rule(
                ports.market(), margin_bps=margin_bps, max_multiple=max_multiple
            ),
            reason=reason,
            state=lambda ports: show_network_fee_rule(ports.market()),
        )
    show({"marginBps": rule.margin_bps, "maxMultiple": rule.max_multiple}, as_json=as_json)


def _estimated_out(fee: NetworkFee) -> dict[str, Any]:
    estimate, precision = fee.estimate, fee.asset.precision
    return {
        **_network_fee_out(fee.asset, fee.charged),
        "operatorFee": format_units(fee.operator_fee, precision),
        "estimate": format_units(estimate.amount, precision) if estimate else None,
        "estimatedAt": estimate.at.isoformat(timespec="seconds") if estimate else None,
    }


def _network_fee_out(asset: Asset, units: int) -> dict[str, Any]:
    return {"asset": asset.code, "networkFee": format_units(units, asset.precision)}
