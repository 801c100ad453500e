"""`swapgate fixed-rates`, `refunds` and `maintenance`: on or off for the whole installation."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.command import DATA_DIR, AsJson, DataDir, run, show
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.cli.connections import OperatorPorts
    from persistence.postgres.market.switches import Switch


class Turn(StrEnum):
    """Which way to turn a switch."""

    ON = "on"
    OFF = "off"


To = Annotated[Turn, typer.Argument(metavar="on|off", show_default=False)]


def fixed_rates(to: To, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Offer fixed rates beside floating ones, or don't."""
    from persistence.postgres.market.switches import Switch

    _turn(Switch.FIXED_RATES, to, data_dir)
    show({"fixedRates": to is Turn.ON}, as_json=as_json)


def refunds(to: To, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Let partners choose a refund for held orders, or don't."""
    from persistence.postgres.market.switches import Switch

    _turn(Switch.REFUNDS, to, data_dir)
    show({"refunds": to is Turn.ON}, as_json=as_json)


def maintenance(to: To, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Refuse new orders, or take them again; orders that are open go on."""
    from persistence.postgres.market.switches import Switch

    _turn(Switch.MAINTENANCE, to, data_dir)
    show({"maintenance": to is Turn.ON}, as_json=as_json)


def _turn(switch: "Switch", to: Turn, data_dir: Path) -> None:
    from persistence.postgres.market.switches import set_switch

    async def work(desk: "OperatorPorts") -> None:
        await set_switch(desk.database, switch, on=to is Turn.ON)
        await desk.tell()

    run(Role.ADMIN, data_dir, work)
