"""Sandbox settlement: carries an order from its deposit to its end, about a second per step."""

import secrets
from contextlib import suppress
from datetime import timedelta
from typing import Final

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.observe_deposit import confirm_deposits
from domain.actions.orders.ports import SettlementPorts
from domain.errors import InvalidTransition, Unavailable
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order
from domain.orders.states import State

REST: Final = timedelta(seconds=1)
BATCH: Final = 100


def sandbox_tx_id() -> str:
    """Return a made-up transaction id."""
    return secrets.token_hex(32)


def unconfirmed_deposits(order: Order) -> list[ObservedDeposit]:
    """Return what the sandbox's chains confirm next: all that was seen."""
    return [ObservedDeposit(part.tx_id, part.amount) for part in order.deposits.unconfirmed]


async def settle_step(ports: SettlementPorts) -> int:
    """Move each order that has rested for a second one step on; return how many were looked at.

    Without fresh rates deposits wait; an order that somebody else moves meanwhile is left alone.
    """
    resting = await ports.orders.idle_since(ports.clock.now() - REST, limit=BATCH)
    for held in resting:
        with suppress(InvalidTransition, Unavailable):
            await _step(ports, held.order)
    return len(resting)


async def _step(ports: SettlementPorts, order: Order) -> None:
    if order.state is State.PAYING_OUT:
        await complete_payout(ports, order.id, sandbox_tx_id())
    else:
        await confirm_deposits(ports, order.id, unconfirmed_deposits(order))
