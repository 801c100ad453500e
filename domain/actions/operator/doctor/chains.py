"""Check what settlement needs and does: pay-in addresses, chains, connected assets, outflows."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from domain.actions.operator.chains import OperatorChainRepository
from domain.actions.operator.doctor.checks import Probe, Remark, and_more
from domain.actions.operator.outflows import OperatorOutflowRepository
from domain.chains.attempts import FAILING_FOR_TOO_LONG
from domain.chains.pool_use import PoolUse, ending_pools, reusing_pools, unfunded_pools
from domain.clock import Clock
from domain.history import COMMAND

MIN_FREE_ADDRESSES: Final = 5
UNCHECKED_AFTER: Final = timedelta(minutes=1)
UNLED_AFTER: Final = timedelta(minutes=1)
OVERDUE_AFTER: Final = timedelta(hours=2)


class SettlementHealth(msgspec.Struct, frozen=True):
    """What is known of settlement's work. `free_addresses` counts up to its argument.

    `history_problem` returns why the database is on hold, empty if settlement has not confirmed it
    since its server was started.
    """

    chains: OperatorChainRepository
    outflows: OperatorOutflowRepository
    free_addresses: Callable[[int], Awaitable[Mapping[str, int]]]
    pools: Callable[[], Awaitable[Sequence[PoolUse]]]
    history_problem: Callable[[], Awaitable[str | None]]


def address_checks(health: SettlementHealth) -> list[tuple[str, Probe]]:
    """Return the check of the pool of pay-in addresses."""
    return [("addresses", lambda: _addresses(health))]


def chain_checks(health: SettlementHealth, clock: Clock) -> list[tuple[str, Probe]]:
    """Return the checks of the database's history, of chains and of what is sent on them."""
    return [
        ("database-history", lambda: _history(health)),
        ("chains", lambda: _chains(health, clock)),
        ("test-networks", lambda: _test_networks(health)),
        ("settlement-leaders", lambda: _leaders(health, clock)),
        ("connected-assets", lambda: _connected(health)),
        ("outflows", lambda: _outflows(health, clock)),
        ("unpaid-orders", lambda: _unpaid(health, clock)),
    ]


async def _addresses(health: SettlementHealth) -> str | None:
    free = await health.free_addresses(MIN_FREE_ADDRESSES)
    short = [network for network, left in free.items() if left < MIN_FREE_ADDRESSES]
    if short:
        return (
            f"Pay-in addresses run out on {', '.join(short)}: start `swapgate settlement`, "
            "and make sure that each network has an account"
        )
    pools = await health.pools()
    if ending := ending_pools(pools):
        return (
            f"Imported pay-in addresses run out on {', '.join(ending)}: add more with "
            "`swapgate pay-in import NETWORK FILE`"
        )
    if unfunded := unfunded_pools(pools):
        return Remark(
            f"Orders use pay-in addresses and are not paid on {', '.join(unfunded)}: see "
            "`swapgate unpaid-cap show`, and lower the caps and limits of those who create them"
        )
    if reusing := reusing_pools(pools):
        return Remark(
            f"Pay-in addresses of unpaid orders are reused on {', '.join(reusing)}: decide about "
            "deposits of the kind `reused address` in `swapgate deposit list`"
        )
    return None


async def _history(health: SettlementHealth) -> str | None:
    problem = await health.history_problem()
    if problem is None:
        return None
    if not problem:
        return (
            "Start `swapgate settlement`, which has to confirm the database after its server was "
            "started: until then no pay-in address is assigned, and creates fail with code 11"
        )
    return (
        "No pay-in address is assigned and nothing is paid: the history of the database was rolled "
        f"back ({problem}). Run `{COMMAND}`, which shows with --dry-run what it does"
    )


async def _chains(health: SettlementHealth, clock: Clock) -> str | None:
    for chain in await health.chains.chains():
        if chain.halted:
            return (
                f"Nothing is paid for {chain.network}: {chain.alarm}. Find the node that gives "
                f"wrong answers, replace it, then run `swapgate chain resume {chain.network!r}`"
            )
        if chain.alarm:
            return f"Check the nodes of {chain.network}: {chain.alarm}"
        if clock.now() - chain.checked_at > UNCHECKED_AFTER:
            return (
                f"Start `swapgate settlement`: {chain.network} has not been checked since "
                f"{chain.checked_at.isoformat()}"
            )
    return None


async def _test_networks(health: SettlementHealth) -> str | None:
    chains = await health.chains.chains()
    found = [f"{one.network} ({one.test_network})" for one in chains if one.test_network]
    if not found:
        return None
    return (
        f"Test networks are followed, whose coins are worth nothing: {', '.join(found)}. Before "
        "customers use this installation, remove test_network from the file of SWAPGATE_CHAINS"
    )


async def _leaders(health: SettlementHealth, clock: Clock) -> str | None:
    """Name who leads each network; a failure if nobody has for a minute."""
    leaders = await health.chains.leaders()
    for one in leaders:
        if not one.leads and clock.now() - one.expires_at > UNLED_AFTER:
            return (
                f"Start `swapgate settlement`: nothing is paid on {one.network}, which no process "
                f"has led since {one.expires_at.isoformat()}"
            )
    led = [f"{one.network} ({one.holder})" for one in leaders if one.leads]
    return Remark(f"Payouts are led on {', '.join(led)}") if led else None


async def _connected(health: SettlementHealth) -> str | None:
    """Check assets that are not swapped for lack of a chain; a failure if orders wait for one."""
    unconnected = await health.chains.unconnected()
    waited_for = [one.code for one in unconnected if one.waited_for]
    if waited_for:
        return (
            f"Orders wait for {', '.join(waited_for)}, which settlement is not connected to: "
            "add its network to the file of SWAPGATE_CHAINS and start `swapgate settlement`"
        )
    if not unconnected:
        return None
    networks = ", ".join(sorted({one.network for one in unconnected}))
    return Remark(
        f"{len(unconnected)} assets are not swapped both ways, because settlement has no node or "
        f"no hot wallet there ({networks}): add them to the file of SWAPGATE_CHAINS, or disable "
        "them with `swapgate asset disable CODE`"
    )


async def _outflows(health: SettlementHealth, clock: Clock) -> str | None:
    overdue = await health.outflows.overdue(clock.now() - OVERDUE_AFTER)
    if not overdue:
        return None
    first = overdue[0]
    return (
        f"Check the payout of {first.order_id} on {first.network}{and_more(overdue)}, which is "
        "under way for two hours: `swapgate outflow show` and settlement's log say what it waits "
        "for"
    )


async def _unpaid(health: SettlementHealth, clock: Clock) -> str | None:
    """Check orders on hold, and orders that have failed to be paid out for too long."""
    failing = await health.outflows.failing(clock.now() - FAILING_FOR_TOO_LONG)
    if not failing:
        return None
    first = failing[0]
    state = "is on hold" if first.is_held else "cannot be paid out for an hour"
    return (
        f"Order {first.order_id} on {first.network}{and_more(failing)} {state}, {first.reason}: "
        f"{first.detail}. See `swapgate outflow list`, then release it (`swapgate outflow "
        "release`), raise the bound of its cost (`raise-bound`), or refund it (`swapgate order "
        "resolve`)"
    )
