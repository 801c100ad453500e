"""The quiet end: everything works again, whoever must decide decides, until nothing moves."""

from collections.abc import Callable
from typing import Final

from domain.actions.operator.orders import Resolution
from tests.simulation.chains.families import OUTPUTS
from tests.simulation.chains.nodes import Fault
from tests.simulation.checks.books import Books, read_books
from tests.simulation.checks.ending import FINAL, no_payout_waits_without_a_reason
from tests.simulation.checks.invariants import ALWAYS, Check
from tests.simulation.events import USUAL
from tests.simulation.runbook import ATTEMPTS, Runbook
from tests.simulation.world.customers import CustomerOrder
from tests.simulation.world.world import World, fund

ROUNDS: Final = 60
ROUND_SECONDS: Final = 15
LIFETIME_SECONDS: Final = 1_900
"""Longer than any order waits for its deposit, in seconds."""
REFUNDED_AFTER: Final = 8
"""Rounds after which the operator cancels what is still held: its refund would be below its fee."""
REFILL: Final = 1_000_000 * 10**8
"""What the operator adds to a hot wallet that may have too little for what it owes."""
SETTLED_AFTER: Final = 3
"""So many rounds in which nothing changes are the end."""


async def make_quiet(world: World, check: Callable[[tuple[Check, ...]], None]) -> None:
    """Bring a world to its end, checking after each round."""
    await _heal(world)
    settlement, runbook = world.settlement[0], Runbook(world)
    unchanged, before = 0, None
    for number in range(ROUNDS):
        if number == 1:
            world.pass_time(LIFETIME_SECONDS)
        world.pass_time(ROUND_SECONDS)
        for chain in world.chains.values():
            chain.mine()
        await world.tick()
        for name in settlement.rounds:
            result = await settlement.advance(name)
            if result.startswith("waits"):
                world.trace.add("settlement", name, result)
        is_fair = (no_payout_waits_without_a_reason,) if number == ATTEMPTS else ()
        check((*ALWAYS, *is_fair))
        books = read_books(world.storage)
        await _decide(world, books, is_refundable=number < REFUNDED_AFTER)
        await runbook.decide(books, number)
        unchanged = unchanged + 1 if before == _progress(books) else 0
        before = _progress(books)
        if unchanged >= SETTLED_AFTER and number > REFUNDED_AFTER + SETTLED_AFTER:
            return


def _progress(books: Books) -> tuple[object, ...]:
    """Return everything except the blocks, which always advance."""
    return books.orders, books.deposits, books.outflows, books.voided, books.refunds, books.failing


async def _heal(world: World) -> None:
    """Repair nodes, fund the wallet, leave one process, and undo every command that stops any."""
    world.market.is_published = True
    for network, nodes in world.nodes.items():
        world.chains[network].price = USUAL[network] // 10
        for node in nodes.values():
            node.fault, node.lost_responses = Fault.NONE, 0
    fund(world.chains[OUTPUTS], "refill", (REFILL,))
    for one in world.settlement:
        one.process.kill()
    await world.tick()
    world.start_settlement()
    world.market.publish()
    await world.operator.restore()
    world.trace.add("world", "is quiet")


async def _decide(world: World, books: Books, *, is_refundable: bool) -> None:
    """Choose for every held order: the customer first, then the operator."""
    by_id = {str(one.order.id): one for one in world.customers.orders}
    for order in books.orders:
        one = by_id[order.id]
        if order.state == "held" and not is_refundable:
            await _resolve(world, one, Resolution.CANCEL)
        elif order.state == "held" and order.choice == "NONE":
            choice = world.random.choice(("EXCHANGE", "REFUND"))
            result = await world.customers.choose_for(one, choice)
            world.trace.add("customer", f"{order.name} {choice}", result)
            if result != "done" and "has been chosen" not in result:
                await _resolve(world, one, Resolution.REFUND)
        if order.state not in FINAL:
            await world.operator.allow(one.order.id)


async def _resolve(world: World, one: CustomerOrder, resolution: Resolution) -> None:
    result = await world.operator.resolve(one.order.id, resolution, overrule=True)
    world.trace.add("operator", f"{one.name} {resolution.value}", result)
