"""`swapgate chain`: how connected chains are, and the deposits that no order can use."""

from typing import TYPE_CHECKING, Annotated

import typer

from domain.actions.operator.chains import (
    list_chains,
    list_unclaimed,
    resume_chain,
    set_confirmations,
    show_confirmations,
)
from gateway.cli.command import (
    DATA_DIR,
    AsJson,
    AssetCode,
    DataDir,
    Limit,
    Reason,
    group,
    read,
    run,
)
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from gateway.wiring.operator.ports import OperatorPorts

app = group("Chains that settlement follows.")

Network = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A network's name, such as Litecoin.")
]
Number = Annotated[
    int | None,
    typer.Argument(
        min=0,
        metavar="NUMBER",
        help="Blocks; 0 for the network's default. Without it, show the setting.",
    ),
]


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List how far each chain has been followed, and what is wrong with it."""
    found = read(Role.ADMIN, data_dir, lambda ports: list_chains(ports.chains()))
    show(found, as_json=as_json)


@app.command()
def resume(
    network: Network, *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Resume a halted chain, once the node that gave wrong answers has been replaced."""
    name = run(
        Role.ADMIN,
        data_dir,
        lambda ports: resume_chain(ports.chains(), network),
        reason=reason,
        state=lambda ports: list_chains(ports.chains()),
    )
    show({"network": name, "halted": False}, as_json=as_json)


@app.command()
def unclaimed(*, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List deposits of another asset than their order's, newest first."""
    found = read(Role.ADMIN, data_dir, lambda ports: list_unclaimed(ports.chains(), limit=limit))
    show(found, as_json=as_json, narrow=("order_id", "amount", "asset"))


@app.command()
def confirmations(
    code: AssetCode,
    number: Number = None,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set how many blocks deep a deposit of an asset must be, or show it."""

    async def change(ports: "OperatorPorts") -> None:
        await set_confirmations(ports.chains(), code, number or None)

    asset = code.lower()
    if number is None:
        found = read(Role.ADMIN, data_dir, lambda ports: show_confirmations(ports.chains(), code))
        document = {"confirmations": found.own, "networkDefault": found.of_network}
        show({"asset": asset, **document}, as_json=as_json)
        return
    run(
        Role.ADMIN,
        data_dir,
        change,
        reason=reason,
        state=lambda ports: show_confirmations(ports.chains(), code),
    )
    show({"asset": asset, "confirmations": number or None}, as_json=as_json)
