"""Sandbox settlement: moves orders from deposit to final state, about a second per step."""

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

STEP_INTERVAL: Final = timedelta(seconds=1)
BATCH: Final = 100


def sandbox_tx_id() -> str:
    """Return a random transaction id."""
    return secrets.token_hex(32)


def unconfirmed_deposits(order: Order) -> list[ObservedDeposit]:
    """Return the deposits that the simulated chains confirm next: all unconfirmed ones."""
    return [ObservedDeposit(one.tx_id, one.amount) for one in order.deposits.unconfirmed]


async def settle_step(ports: SettlementPorts) -> int:
    """Move each order that was unchanged for a second by one step; return how many there were.

    Without fresh rates deposits wait; an order that changes concurrently is skipped.
    """
    idle = await ports.orders.idle_since(ports.clock.now() - STEP_INTERVAL, limit=BATCH)
    for stored in idle:
        with suppress(InvalidTransition, Unavailable):
            await _step(ports, stored.order)
    return len(idle)


async def _step(ports: SettlementPorts, order: Order) -> None:
    if order.state is State.PAYING_OUT:
        await complete_payout(ports, order.id, sandbox_tx_id())
    else:
        await confirm_deposits(ports, order.id, unconfirmed_deposits(order))
