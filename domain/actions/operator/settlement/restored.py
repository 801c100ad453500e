"""Deal with a restored database: nothing that was assigned or paid later is repeated."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from domain.actions.operator.audit import checked_reason
from domain.actions.operator.outflows import OperatorOutflowRepository, set_outflow_enabled
from domain.actions.operator.pay_in import OperatorPayInRepository
from domain.chains.networks import NETWORKS
from domain.chains.pay_in import IMPORTED, PayInAccount, PayInAddress
from domain.chains.ports import StoredAccount
from domain.clock import Clock
from domain.errors import InvalidCommand, Unavailable
from domain.history import Marker

SAFETY_GAP: Final = 5_000
"""How many indexes are skipped beyond the highest that is known to be derived.

Settlement derives at most 1,000 addresses twice a second for a network, up to 5,000 free ones, and
writes the marker every second: what is newer than the marker is less than the gap.
"""
GROWTH: Final = 3
"""Without a marker, each day since the newest order counts as so many times the last known day."""
CHUNK: Final = 1_000
DAY: Final = timedelta(days=1)
MAX_NEXT_INDEX: Final = 2**31


class IssueRate(msgspec.Struct, frozen=True):
    """When the newest order was created, and how many orders each network had in the day before."""

    newest_order_at: datetime | None
    orders: Mapping[str, int]


class RestoredDatabaseRepository(Protocol):
    """The operator's view of the database's history. Each method raises Unavailable."""

    async def problem(self) -> str | None:
        """Return why the database is on hold, empty if settlement has yet to confirm it."""

    async def issued(self) -> Marker | None:
        """Return what the database has issued; None before its first confirmation."""

    async def lost_since(self, marker: Marker) -> str | None:
        """Return what a marker shows and the database lacks."""

    async def issue_rate(self) -> IssueRate:
        """Return how fast addresses were assigned."""

    async def accounts(self) -> Sequence[StoredAccount]:
        """Return all accounts, by network."""

    async def free(self, network: str) -> int:
        """Return how many free addresses a network has."""

    async def hold(self, reason: str) -> None:
        """Put the database on hold: no address is assigned, and settlement ends."""

    async def skip(
        self, stored: StoredAccount, addresses: Sequence[PayInAddress], *, next_index: int
    ) -> bool:
        """Store addresses as retired and advance the index; False if it is another by now."""

    async def retire_free(self, network: str) -> int:
        """Retire some of the free addresses; return how many, 0 once none is left."""

    async def accept(self) -> None:
        """Accept the database as it is: settlement may start, and addresses are assigned."""


class RestorePorts(msgspec.Struct, frozen=True):
    """What the actions need; `marker` raises Unavailable.

    `derive` returns the addresses of an account from an index on, fewer where it runs out.
    """

    history: RestoredDatabaseRepository
    pay_in: OperatorPayInRepository
    outflows: OperatorOutflowRepository
    marker: Callable[[], Awaitable[Marker | None]]
    derive: Callable[[PayInAccount, int, int], Sequence[PayInAddress]]
    clock: Clock


class NetworkPlan(msgspec.Struct, frozen=True):
    """What becomes of a network's account: free addresses are retired, and its index moves.

    `known` is the next index that the marker or the operator states, if that is higher.
    """

    network: str
    kind: str
    retired: int
    next_index: int
    known: int
    new_next_index: int


class RestorePlan(msgspec.Struct, frozen=True):
    """Why the database is on hold, None if it is not; and what is done to its accounts."""

    problem: str | None
    has_marker: bool
    networks: Sequence[NetworkPlan]


async def plan_restore(ports: RestorePorts, next_indexes: Mapping[str, int]) -> RestorePlan:
    """Return what `deal_with_restore` would do; `next_indexes` is what the operator knows.

    Raises InvalidCommand for a network without an account that derives addresses.
    """
    given = await _checked(ports, next_indexes)
    issued, marker = await ports.history.issued(), await _marker(ports)
    if issued is None or marker is None or marker.history != issued.history:
        marker = None
    rate, now = await ports.history.issue_rate(), ports.clock.now()
    networks = []
    for stored in await ports.history.accounts():
        network = stored.account.network
        known = max(stored.next_index, given.get(network, 0), _marked(network, issued, marker))
        gap = SAFETY_GAP if marker is not None else safety_gap(rate, network, now=now)
        is_derived = stored.account.kind != IMPORTED
        networks.append(
            NetworkPlan(
                network=network,
                kind=stored.account.kind,
                retired=await ports.history.free(network),
                next_index=stored.next_index,
                known=known,
                new_next_index=known + gap if is_derived else stored.next_index,
            )
        )
    return RestorePlan(await ports.history.problem(), marker is not None, networks)


async def deal_with_restore(
    ports: RestorePorts, next_indexes: Mapping[str, int], *, reason: str
) -> RestorePlan:
    """Retire all free addresses, skip those that may have been derived, and stop payouts.

    The database is then accepted. Skipped addresses are stored as retired, so that deposits to them
    are recorded. Safe to repeat, and after an interruption. Raises InvalidCommand.
    """
    checked_reason(reason)
    plan = await plan_restore(ports, next_indexes)
    await ports.history.hold("`swapgate pay-in restored` has not ended")
    for network in await ports.pay_in.reusing():
        await ports.pay_in.set_reuse(network, allowed=False)
    for one in plan.networks:
        if one.kind != IMPORTED:
            await _skip(ports, one)
        while await ports.history.retire_free(one.network):
            pass
    if not await ports.pay_in.is_sandbox():
        await set_outflow_enabled(ports.outflows, enabled=False)
    await ports.history.accept()
    return plan


async def accept_complete(ports: RestorePorts, *, reason: str) -> None:
    """Accept a database that lacks nothing, as after a planned move with all processes stopped.

    Raises InvalidCommand if the marker shows that something is missing.
    """
    checked_reason(reason)
    marker = await _marker(ports)
    lost = None if marker is None else await ports.history.lost_since(marker)
    if lost is not None:
        raise InvalidCommand(f"the database is not complete: {lost}")
    await ports.history.accept()


def safety_gap(rate: IssueRate, network: str, *, now: datetime) -> int:
    """Return how many indexes to skip on a network without knowing what was derived.

    It covers three times the orders of the last known day for each day since then.
    """
    if rate.newest_order_at is None:
        return SAFETY_GAP
    days = max(-(-(now - rate.newest_order_at) // DAY), 1)
    return SAFETY_GAP + GROWTH * days * rate.orders.get(network, 0)


async def _marker(ports: RestorePorts) -> Marker | None:
    try:
        return await ports.marker()
    except Unavailable:
        return None


def _marked(network: str, issued: Marker | None, marker: Marker | None) -> int:
    """Return the next index in the marker; 0 if it is of another account."""
    if issued is None or marker is None:
        return 0
    ours, marked = issued.accounts.get(network), marker.accounts.get(network)
    if ours is None or marked is None or ours.account != marked.account:
        return 0
    return marked.next_index


async def _checked(ports: RestorePorts, next_indexes: Mapping[str, int]) -> Mapping[str, int]:
    """Return the operator's indexes by the networks' own spelling."""
    names = {name.lower(): name for name in NETWORKS}
    derived = {
        stored.account.network
        for stored in await ports.history.accounts()
        if stored.account.kind != IMPORTED
    }
    checked = {}
    for text, index in next_indexes.items():
        network = names.get(text.lower(), text)
        if network not in derived:
            raise InvalidCommand(f"{text} has no pay-in account that derives addresses")
        if index >= MAX_NEXT_INDEX:
            raise InvalidCommand(f"a next index is below {MAX_NEXT_INDEX}, and {index} is not")
        checked[network] = index
    return checked


async def _skip(ports: RestorePorts, plan: NetworkPlan) -> None:
    """Derive the addresses up to the new index as retired ones."""
    while True:
        (stored,) = [
            one for one in await ports.history.accounts() if one.account.network == plan.network
        ]
        count = min(plan.new_next_index - stored.next_index, CHUNK)
        if count <= 0:
            return
        derived = ports.derive(stored.account, stored.next_index, count)
        if not derived:
            return
        await ports.history.skip(stored, derived, next_index=stored.next_index + len(derived))
