"""`swapgate pay-in sweep`: drafts sweeps of pay-ins; whoever holds the keys signs them."""

from typing import Annotated

import typer

from domain.chains.sweeps import SweepOptions
from gateway.cli.command import DATA_DIR, AsJson, DataDir, read
from gateway.cli.output import show
from gateway.instance import Role

Code = Annotated[str, typer.Argument(metavar="ASSET", help="An asset's code, such as ltc.")]
To = Annotated[str, typer.Option(help="The address that receives everything.")]
FeeRate = Annotated[
    str | None, typer.Option(help="Coins per kvB; default: the file's, or the node's estimate.")
]
MaxGwei = Annotated[int, typer.Option(min=1, help="On EVM networks: gwei per unit of gas.")]
Origin = Annotated[
    str, typer.Option(help="Fingerprint and path of the account, such as d34db33f/84h/2h/0h.")
]


def sweep(
    code: Code,
    *,
    to: To,
    fee_rate: FeeRate = None,
    max_fee_gwei: MaxGwei = 50,
    origin: Origin = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Draft transactions that move all confirmed pay-ins of an asset to one address.

    Nothing is signed or sent. The first node of the file in SWAPGATE_CHAINS is queried.
    """
    from domain.actions.operator.sweep import draft_sweep

    options = SweepOptions(to=to, fee_rate=fee_rate, max_fee_gwei=max_fee_gwei, origin=origin)
    draft = read(Role.ADMIN, data_dir, lambda ports: draft_sweep(ports.sweep(), code, options))
    show(draft, as_json=as_json)
