"""Show and turn the switches of the whole installation."""

from domain.actions.operator.market.ports import MarketPorts, Switch


async def show_switch(ports: MarketPorts, switch: Switch) -> bool:
    """Return whether a switch is on."""
    switches = (await ports.settings.catalogue()).switches
    return bool(getattr(switches, switch.value))


async def set_switch(ports: MarketPorts, switch: Switch, *, on: bool) -> None:
    """Turn a switch on or off."""
    await ports.settings.set_switch(switch, on=on)
    await ports.announce()
