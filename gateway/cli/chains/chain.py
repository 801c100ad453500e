"""`swapgate chain`: how connected chains are, and what came in on them that nobody can use."""

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import DATA_DIR, AsJson, DataDir, group, run
from gateway.cli.output import show
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.wiring.operator import OperatorPorts

app = group("Chains that settlement follows.")

Network = Annotated[str, typer.Argument(help="A network's name, such as Litecoin.")]
Code = Annotated[str, typer.Argument(metavar="ASSET", help="An asset's code, such as btc.")]
Number = Annotated[int, typer.Argument(min=0, help="Blocks; 0 for what is usual on its network.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")]


@app.command("list")
def list_chains(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show how far each chain was followed, and what is wrong with it."""

    async def work(operator: "OperatorPorts") -> object:
        from persistence.postgres.chains.chains import read_chains

        return await read_chains(operator.database)

    show(run(Role.ADMIN, data_dir, work), as_json=as_json)


@app.command()
def resume(network: Network, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Let a halted chain go on, once you know which of its nodes lied and have replaced it."""

    async def work(operator: "OperatorPorts") -> str:
        from persistence.postgres.chains.chains import resume_chain

        return await resume_chain(operator.database, network)

    show({"network": run(Role.ADMIN, data_dir, work), "halted": False}, as_json=as_json)


@app.command()
def unclaimed(*, limit: Limit = 50, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List deposits of another asset than the order they came for, newest first."""

    async def work(operator: "OperatorPorts") -> object:
        from persistence.postgres.chains.chains import read_unclaimed

        return await read_unclaimed(operator.database, limit=limit)

    show(run(Role.ADMIN, data_dir, work), as_json=as_json)


@app.command()
def confirmations(
    code: Code, number: Number, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Set how many blocks deep a deposit of an asset must be."""

    async def work(operator: "OperatorPorts") -> None:
        from persistence.postgres.chains.chains import set_confirmations

        await set_confirmations(operator.database, code.lower(), number or None)

    run(Role.ADMIN, data_dir, work)
    show({"asset": code.lower(), "confirmations": number or None}, as_json=as_json)
