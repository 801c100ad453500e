"""What the operator's runbook says to type for each order that cannot proceed by itself."""

from typing import Final
from uuid import UUID

from domain.actions.operator.orders import Resolution
from tests.simulation.checks.books import BookedOrder, BookedRefund, Books
from tests.simulation.world.world import World

ATTEMPTS: Final = 3
"""Rounds in which a failing payout is only released: what it failed for may be repaired."""
RESENT: Final = 8
"""Rounds in which a voided payment may be sent again instead of being closed."""

UNDELIVERABLE: Final = 5
"""Rounds after which a refund that cannot be delivered is sent to another address."""


class Runbook:
    """The operator's decisions at the end, a round at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._operator = world.operator

    async def decide(self, books: Books, number: int) -> None:
        """Decide about every failing order, every voided payment and every unusable deposit."""
        for order in books.orders:
            await self._about_order(books, order, number)
        for refund in books.refunds:
            await self._about_refund(books, refund, number)
        await self._about_voided(books, number)
        await self._operator.credits.finish(books)
        await self._operator.refunds.finish(is_first=number <= 1)

    async def _about_order(self, books: Books, order: BookedOrder, number: int) -> None:
        order_id, outflow = UUID(order.id), books.outflow_of(order.id)
        if order.id not in books.failing:
            return
        if outflow is not None and outflow.candidates:
            if outflow.settled_tx_id is None and number >= ATTEMPTS:
                self._note(order.name, "outflow void", await self._operator.void(order_id))
            return
        await self._operator.release(order_id)
        if order.state == "paying_out" and number >= ATTEMPTS:
            resolution = Resolution.REFUND if number % 2 else Resolution.CANCEL
            result = await self._operator.resolve(order_id, resolution, overrule=True)
            self._note(order.name, f"order resolve {resolution.value}", result)

    async def _about_refund(self, books: Books, refund: BookedRefund, number: int) -> None:
        outflow = books.outflow_of(refund.id)
        if refund.id not in books.failing or number < ATTEMPTS:
            return
        if outflow is not None and outflow.candidates and outflow.settled_tx_id is None:
            self._note(refund.name, "outflow void", await self._operator.void(UUID(refund.id)))
        elif outflow is None and number >= UNDELIVERABLE:
            self._note(refund.name, "outflow close", await self._operator.close(UUID(refund.id)))
            self._note(
                refund.name, "deposit refund", await self._operator.refunds.repropose(refund)
            )
        else:
            await self._operator.release(UUID(refund.id))

    async def _about_voided(self, books: Books, number: int) -> None:
        for voided in books.undecided:
            order_id, state = UUID(voided.order_id), books.state_of(voided.order_id)
            if state in ("held", "refunding"):
                continue
            if number < RESENT and self._world.random.random() < 0.5:
                command, result = "outflow resend", await self._operator.resend(order_id)
            elif voided.kind == "payout" and self._world.random.random() < 0.8:
                command = "order resolve refund"
                result = await self._operator.resolve(order_id, Resolution.REFUND, overrule=True)
            elif state == "paying_out":
                command = "order resolve cancel"
                result = await self._operator.resolve(order_id, Resolution.CANCEL, overrule=True)
            else:
                command, result = "outflow close", await self._operator.close(order_id)
            self._note(voided.order_id[-6:], command, result)

    def _note(self, name: str, command: str, result: str) -> None:
        self._world.trace.add("operator", f"{command} {name}", result)
