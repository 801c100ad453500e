"""Follows one chain through two nodes: what comes in counts when both tell the same."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import structlog

from domain.actions.orders.observe_deposit import confirm_deposits, lose_deposits, see_deposit
from domain.actions.orders.ports import SettlementPorts
from domain.chains.transfers import Block, ChainRepository, Found, PayIn, Transfer
from domain.errors import InvalidTransition, Unavailable
from domain.orders.deposits import Deposit, Part
from domain.orders.order import Order, State
from feeds.settlement.chains import metrics
from feeds.settlement.chains.interface import Node, NodeRejected, NodeUnavailable

if TYPE_CHECKING:
    from uuid import UUID

BLOCKS_AT_ONCE: Final = 50
REPORT_INTERVAL_SECONDS: Final = 5.0
"""How often it is written down that nothing has changed."""
LAG: Final = 3
"""A node that is more blocks behind than this is told of."""

T = TypeVar("T")

log = structlog.get_logger()


class NodeDisagreement(Exception):
    """Two nodes told different things of the very same block or transaction."""


class Watching(msgspec.Struct, frozen=True, kw_only=True):
    """What a chain is followed with. The first node is our own; payouts go by it.

    A deposit that neither node knows any more has vanished after `vanish_after`.
    """

    network: str
    nodes: tuple[Node, Node]
    ports: SettlementPorts
    book: ChainRepository
    vanish_after: timedelta
    first_height: int | None = None


class ChainWatch:
    """Follows one chain, a round at a time."""

    def __init__(
        self, watching: Watching, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._of = watching
        self._monotonic = monotonic
        self._missing: dict[tuple[UUID, str], float] = {}
        self._alarm: str | None = None
        self._trusted = False
        self._told: tuple[int | None, str | None] | None = None
        self._told_at = 0.0

    @property
    def network(self) -> str:
        """Return the network's name."""
        return self._of.network

    async def round(self) -> int:
        """Look at what is new; return how many blocks were looked through.

        Raises Unavailable where a node or the database doesn't answer; the chain then waits.
        """
        if await self._of.book.is_halted(self.network):
            metrics.HALTED.labels(self.network).set(1)
            return 0
        try:
            return await self._look()
        except NodeDisagreement as lie:
            await self.halt(lie)
        except (NodeUnavailable, NodeRejected) as error:
            await self._tell(None, str(error), trusted=False)
        return 0

    async def _look(self) -> int:
        heights = await self._both(lambda node: node.height())
        common = min(heights)
        alarm = None
        if max(heights) - common > LAG:
            behind = heights.index(common) + 1
            alarm = f"node {behind} is {max(heights) - common} blocks behind"
        followed, disagreed = await self._follow(common, max(heights))
        if not disagreed:
            for transfer in await self._of.nodes[0].pending():
                await self._take([transfer])
            await self._check_deposits(common)
        await self._tell(common, disagreed or alarm, trusted=disagreed is None)
        return followed

    async def _follow(self, common: int, highest: int) -> tuple[int, str | None]:
        """Look through the next blocks; return how many, and where the nodes disagree."""
        newest, disagreed = await self._common_ancestor(highest)
        if disagreed:
            return 0, disagreed
        first = self._of.first_height if self._of.first_height is not None else common
        start = newest.height + 1 if newest else first
        end = min(common, start + BLOCKS_AT_ONCE - 1)
        for height in range(start, end + 1):
            ours, theirs = await self._hashes(height)
            if ours is None or ours != theirs:
                return height - start, f"the nodes have different blocks at height {height}"
            await self._look_through(Block(height, ours))
        return max(end - start + 1, 0), None

    async def _common_ancestor(self, highest: int) -> tuple[Block | None, str | None]:
        """Return the newest block looked through that is in the chain still."""
        book, network = self._of.book, self.network
        while (newest := await book.newest_block(network)) is not None:
            if newest.height > highest:
                await book.drop_blocks(network, above=highest)
                continue
            ours, theirs = await self._hashes(newest.height)
            if ours is None or theirs is None:
                return newest, None  # one is behind: it is waited for
            if ours != theirs:
                return newest, f"the nodes have different blocks at height {newest.height}"
            if ours == newest.hash:
                return newest, None
            log.warning("chain reorganised", network=network, height=newest.height)
            await book.drop_blocks(network, above=newest.height - 1)
        return None, None

    async def _look_through(self, block: Block) -> None:
        """Take what a block brings, told alike by both nodes, and take note of the block."""
        ours, theirs = await self._both(lambda node: node.transfers(block.hash))
        pay_ins = await self._pay_ins([*ours, *theirs])
        mine = sorted(one for one in ours if one.address in pay_ins)
        if mine != sorted(one for one in theirs if one.address in pay_ins):
            raise NodeDisagreement(
                f"the nodes tell different deposits of block {block.height} {block.hash}"
            )
        await self._take(mine)
        await self._of.book.add_block(self.network, block)

    async def _take(self, transfers: Sequence[Transfer]) -> None:
        """Give deposits to their orders; what is of another asset goes to the operator."""
        pay_ins = await self._pay_ins(transfers)
        for one in transfers:
            to = pay_ins.get(one.address)
            if to is None:
                continue
            if to.asset == one.asset:
                deposit = Deposit(one.tx_id, one.amount)
                await see_deposit(self._of.ports, to.order_id, deposit)
            else:
                log.warning("wrong asset came in", order=str(to.order_id), asset=one.asset)
                await self._of.book.unclaimed(self.network, one, to.order_id)

    async def _check_deposits(self, common: int) -> None:
        """Count confirmations of all that isn't confirmed."""
        book = self._of.book
        needed = await book.confirmations(self.network)
        for order_id in await book.unconfirmed(self.network):
            held = await self._of.ports.orders.read(order_id)
            if held is not None:
                await self._check_order(held.order, common, needed)

    async def _check_order(self, order: Order, common: int, needed: Mapping[str, int]) -> None:
        confirmed: list[Deposit] = []
        vanished: list[str] = []
        for part in order.parts.unconfirmed:
            found = await self.agreed(order, part)
            if found is not None:
                self._missing.pop((order.id, part.tx_id), None)
            if found is not None and found.height is not None:
                if common - found.height + 1 >= needed[order.source.code]:
                    confirmed.append(Deposit(part.tx_id, found.amount))
            elif found is None and await self._has_vanished(order, part):
                vanished.append(part.tx_id)
        if vanished:
            log.warning("deposit vanished", order=str(order.id), tx_ids=vanished)
            order = await lose_deposits(self._of.ports, order.id, vanished)
            if order.state is State.CONFIRMING and order.parts.settled:
                confirmed = [Deposit(part.tx_id, part.amount) for part in order.parts.counted]
        if confirmed:
            with suppress(InvalidTransition, Unavailable):  # without rates a deposit waits
                await confirm_deposits(self._of.ports, order.id, confirmed)

    async def agreed(self, order: Order, part: Part) -> Found | None:
        """Return what both nodes know of a deposit, the less certain of the two; raise Lie."""
        ours, theirs = await self._both(
            lambda node: node.look_up(part.tx_id, order.pay_in_address, order.source.code)
        )
        if ours is None or theirs is None:
            return None
        if ours.amount != theirs.amount:
            raise NodeDisagreement(f"the nodes tell different amounts of {part.tx_id}")
        if ours.height is None or theirs.height is None:
            return Found(None, ours.amount)
        return Found(max(ours.height, theirs.height), ours.amount)

    async def _has_vanished(self, order: Order, part: Part) -> bool:
        """Tell whether neither node has known a deposit for long enough."""
        key = (order.id, part.tx_id)
        known = await self._both(
            lambda node: node.look_up(part.tx_id, order.pay_in_address, order.source.code)
        )
        if any(one is not None for one in known):
            self._missing.pop(key, None)
            return False
        now = self._monotonic()
        since = self._missing.setdefault(key, now)
        if now - since < self._of.vanish_after.total_seconds():
            return False
        del self._missing[key]
        return True

    async def _pay_ins(self, transfers: Sequence[Transfer]) -> Mapping[str, PayIn]:
        addresses = {one.address for one in transfers}
        return await self._of.book.pay_ins(self.network, addresses) if addresses else {}

    async def _hashes(self, height: int) -> tuple[str | None, str | None]:
        return await self._both(lambda node: node.block_hash(height))

    async def _both(self, ask: Callable[[Node], Awaitable[T]]) -> tuple[T, T]:
        first, second = self._of.nodes
        ours, theirs = await asyncio.gather(ask(first), ask(second))
        return ours, theirs

    async def _tell(self, height: int | None, alarm: str | None, *, trusted: bool) -> None:
        self._trusted = trusted
        metrics.ALARM.labels(self.network).set(alarm is not None)
        metrics.HALTED.labels(self.network).set(0)
        if height is not None:
            metrics.HEIGHT.labels(self.network).set(height)
        if alarm != self._alarm:
            if alarm:
                log.error("chain has to wait", network=self.network, why=alarm)
            else:
                log.info("chain goes on", network=self.network)
            self._alarm = alarm
        now = self._monotonic()
        if (height, alarm) != self._told or now - self._told_at > REPORT_INTERVAL_SECONDS:
            self._told, self._told_at = (height, alarm), now
            await self._of.book.tell(self.network, height=height, alarm=alarm)

    async def is_trusted(self) -> bool:
        """Tell whether the nodes agreed when they were last asked, and nobody lied."""
        return self._trusted and not await self._of.book.is_halted(self.network)

    async def stands(self, order: Order, needed: Mapping[str, int]) -> bool:
        """Tell whether all of an order's deposit is in the chain, as deep and as much as it must.

        Raises Lie, and Unavailable where that can't be told.
        """
        heights = await self._both(lambda node: node.height())
        for part in order.parts.counted:
            found = await self.agreed(order, part)
            if found is None or found.height is None or found.amount != part.amount:
                return False
            if min(heights) - found.height + 1 < needed[order.source.code]:
                return False
        return bool(order.parts.counted)

    async def halt(self, lie: NodeDisagreement) -> None:
        """Stop the chain until the operator resumes it."""
        metrics.HALTED.labels(self.network).set(1)
        log.error("chain halted", network=self.network, why=str(lie))
        await self._of.book.halt(self.network, str(lie))
