"""`swapgate fee`, `spread` and `network-fee`: what swaps cost beside the markup."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import NotFound
from domain.market.fees import checked_fee, checked_spread, parse_network_fee
from domain.money import format_units
from gateway.cli.command import DATA_DIR, AsJson, DataDir, nouns, run, show
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.cli.connections import OperatorPorts

fee = nouns("The service fee, by the network that is paid out on.")
spread = nouns("The spread: what is taken of all swaps beside the service fee.")
network_fee = nouns("What a payout costs on its network.")

Network = Annotated[str, typer.Argument(help="A network's name, such as Tron.")]
Bps = Annotated[int, typer.Argument(help="The fee, 0..2000 basis points.")]
Spread = Annotated[int, typer.Argument(help="The spread, 0..2000 basis points.")]
Code = Annotated[str, typer.Argument(metavar="ASSET", help="An asset's code, such as btc.")]
Amount = Annotated[str, typer.Argument(help="The fee in units of the asset, such as 0.00002.")]


@fee.command("set")
def set_service_fee(
    network: Network, bps: Bps, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Set the service fee of swaps to a network."""
    show(run(Role.ADMIN, data_dir, lambda desk: _set_fee(desk, network, bps)), as_json=as_json)


@spread.command("set")
def set_spread(bps: Spread, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Set the spread; new quotes and orders have it in their rate, as they have the fee."""
    show(run(Role.ADMIN, data_dir, lambda desk: _set_spread(desk, bps)), as_json=as_json)


@network_fee.command("set")
def set_network_fee(
    code: Code, amount: Amount, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Set what is taken off a payout of an asset for its network."""
    done = run(Role.ADMIN, data_dir, lambda desk: _set_network_fee(desk, code.lower(), amount))
    show(done, as_json=as_json)


async def _set_fee(desk: "OperatorPorts", network: str, bps: int) -> dict[str, Any]:
    from persistence.postgres.market.switches import set_fee as store

    name = await store(desk.database, network, checked_fee(bps))
    await desk.tell()
    return {"network": name, "feeBps": bps}


async def _set_spread(desk: "OperatorPorts", bps: int) -> dict[str, Any]:
    from persistence.postgres.market.switches import set_spread as store

    await store(desk.database, checked_spread(bps))
    await desk.tell()
    return {"spreadBps": bps}


async def _set_network_fee(desk: "OperatorPorts", code: str, amount: str) -> dict[str, Any]:
    from persistence.postgres.market.switches import set_network_fee as store

    asset = (await desk.catalogue()).assets.get(code)
    if asset is None:
        raise NotFound(f"there is no asset {code}")
    units = parse_network_fee(amount, asset)
    await store(desk.database, asset, units)
    await desk.tell()
    return {"asset": code, "networkFee": format_units(units, asset.precision)}
