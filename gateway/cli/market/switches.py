"""`swapgate fixed-rates`, `refunds` and `maintenance`: switches of the whole installation."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from domain.actions.operator.market.ports import Switch
from domain.actions.operator.market.switches import set_switch, show_switch
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, read, run
from gateway.cli.output import show
from gateway.instance import Role


class Turn(StrEnum):
    """What to do with a switch."""

    ON = "on"
    OFF = "off"
    SHOW = "show"


To = Annotated[
    Turn, typer.Argument(metavar="on|off|show", help="Without an argument, show the switch.")
]


def fixed_rates(
    to: To = Turn.SHOW,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Offer fixed rates beside floating ones, or show whether they are offered."""
    is_on = _turn(Switch.FIXED_RATES, to, data_dir, reason=reason)
    show({"fixedRates": is_on}, as_json=as_json)


def refunds(
    to: To = Turn.SHOW,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Let partners choose a refund for orders on hold, or show whether they may."""
    is_on = _turn(Switch.REFUNDS, to, data_dir, reason=reason)
    show({"refunds": is_on}, as_json=as_json)


def maintenance(
    to: To = Turn.SHOW,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Reject new orders while on, or show whether it is on; open orders continue."""
    is_on = _turn(Switch.MAINTENANCE, to, data_dir, reason=reason)
    show({"maintenance": is_on}, as_json=as_json)


def _turn(switch: Switch, to: Turn, data_dir: Path, *, reason: str) -> bool:
    """Set a switch if a value is given; return whether it is on."""
    if to is Turn.SHOW:
        return read(Role.ADMIN, data_dir, lambda ports: show_switch(ports.market(), switch))
    on = to is Turn.ON
    run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_switch(ports.market(), switch, on=on),
        reason=reason,
        state=lambda ports: show_switch(ports.market(), switch),
    )
    return on
