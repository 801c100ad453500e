"""What `swapgate doctor` asks of PostgreSQL."""

from datetime import timedelta
from typing import Final

from gateway.cli.processes.checks import Question, Remark, clock_advice
from gateway.wiring.operator import OperatorPorts
from persistence.postgres.chains.chains import read_chains, read_unconnected
from persistence.postgres.chains.outflows import read_overdue_outflows
from persistence.postgres.health import (
    can_write_order_state,
    free_addresses,
    gone_endpoints,
    missing_migrations,
    oldest_waiting_event,
    partners_with_unreadable_secrets,
    read_roles,
    read_server,
)
from persistence.postgres.rights import excess_rights_of_gateway

SERVER: Final = "PostgreSQL"
MIN_VERSION: Final = 15
FEW_ADDRESSES: Final = 5
STUCK: Final = timedelta(minutes=1)
OVERDUE: Final = timedelta(hours=2)
GATEWAY, SETTLEMENT, ADMIN = "swapgate_gateway", "swapgate_settlement", "swapgate_admin"


class PostgresChecks:
    """The questions, over one command's connections."""

    def __init__(self, operator: OperatorPorts) -> None:
        self._desk = operator
        self._database = operator.database

    def questions(self) -> list[tuple[str, Question]]:
        """Return the questions by name; the first one shows whether the server is there."""
        return [
            ("database", self._version),
            ("database-clock", self._clock),
            ("migrations", self._migrations),
            ("roles", self._roles),
            ("keyring", self._keyring),
            ("addresses", self._addresses),
            ("webhooks", self._webhooks),
            ("endpoints", self._endpoints),
            ("chains", self._chains),
            ("connected-assets", self._connected),
            ("outflows", self._outflows),
        ]

    async def _version(self) -> str | None:
        version = (await read_server(self._database)).version // 10_000
        if version >= MIN_VERSION:
            return None
        return f"PostgreSQL {version} is too old: use {MIN_VERSION} or newer"

    async def _clock(self) -> str | None:
        asked = self._desk.clock.now()
        told = (await read_server(self._database)).now
        return clock_advice(SERVER, asked=asked, told=told, answered=self._desk.clock.now())

    async def _migrations(self) -> str | None:
        missing = await missing_migrations(self._database)
        if not missing:
            return None
        return f"Run `swapgate migrate`: {', '.join(missing)} is not applied"

    async def _roles(self) -> str | None:
        names = (GATEWAY, SETTLEMENT, ADMIN)
        found = await read_roles(self._database, names)
        missing = [name for name in names if name not in found]
        if missing:
            return f"Run `swapgate migrate`: it makes the missing role {', '.join(missing)}"
        superusers = [name for name in names if found[name]]
        if superusers:
            return f"Take the rights away: ALTER ROLE {superusers[0]} NOSUPERUSER"
        if await can_write_order_state(self._database, GATEWAY):
            return f"Take the right away: REVOKE UPDATE ON orders FROM {GATEWAY}"
        if not await can_write_order_state(self._database, SETTLEMENT):
            return f"Give the right back: GRANT UPDATE (state) ON orders TO {SETTLEMENT}"
        beyond = await excess_rights_of_gateway(self._database)
        if beyond:
            return f"Take the right away by REVOKE: {GATEWAY} {beyond[0].what}"
        return None

    async def _keyring(self) -> str | None:
        unreadable = await partners_with_unreadable_secrets(self._database, self._desk.keyring())
        if not unreadable:
            return None
        more = f" and {len(unreadable) - 1} more" if len(unreadable) > 1 else ""
        return (
            f"Bring back the key ring that sealed the secrets of {unreadable[0]}{more}: "
            "without it they can't sign"
        )

    async def _addresses(self) -> str | None:
        free = await free_addresses(self._database, at_most=FEW_ADDRESSES)
        short = [network for network, left in free.items() if left < FEW_ADDRESSES]
        if not short:
            return None
        return (
            f"Pay-in addresses run out on {', '.join(short)}: start `swapgate settlement`, "
            "and see that each network has an account"
        )

    async def _webhooks(self) -> str | None:
        since = await oldest_waiting_event(self._database)
        if since is None or self._desk.clock.now() - since <= STUCK:
            return None
        return f"Start `swapgate webhooks`: an event waits since {since.isoformat()}"

    async def _endpoints(self) -> str | None:
        gone = await gone_endpoints(self._database)
        if not gone:
            return None
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        return Remark(
            f"{gone[0]}{more} answered 410 and gets no events any more: once the endpoint is "
            "there again, `swapgate webhooks test WHO`, or set another URL"
        )

    async def _chains(self) -> str | None:
        for chain in await read_chains(self._database):
            if chain.halted:
                return (
                    f"Nothing is paid for {chain.network}: {chain.alarm}. Find out which node "
                    f"lies, replace it, then `swapgate chain resume {chain.network!r}`"
                )
            if chain.alarm:
                return f"See to the nodes of {chain.network}: {chain.alarm}"
            if self._desk.clock.now() - chain.checked_at > STUCK:
                return (
                    f"Start `swapgate settlement`: nobody has looked at {chain.network} since "
                    f"{chain.checked_at.isoformat()}"
                )
        return None

    async def _connected(self) -> str | None:
        """Look at what isn't swapped for want of a chain; bad where orders wait for it."""
        unconnected = await read_unconnected(self._database)
        waited_for = [one.code for one in unconnected if one.waited_for]
        if waited_for:
            return (
                f"Orders wait for {', '.join(waited_for)}, which settlement isn't connected to: "
                "put its network into the file of SWAPGATE_CHAINS and start `swapgate settlement`"
            )
        if not unconnected:
            return None
        networks = ", ".join(sorted({one.network for one in unconnected}))
        return Remark(
            f"{len(unconnected)} assets aren't swapped both ways, for settlement has no node or no "
            f"hot wallet there ({networks}): put them into the file of SWAPGATE_CHAINS, or disable "
            "them by `swapgate asset disable CODE`"
        )

    async def _outflows(self) -> str | None:
        overdue = await read_overdue_outflows(self._database, self._desk.clock.now() - OVERDUE)
        if not overdue:
            return None
        order_id, network = overdue[0]
        more = f" and {len(overdue) - 1} more" if len(overdue) > 1 else ""
        return (
            f"See to the payout of {order_id} on {network}{more}: under way for two hours; "
            "`swapgate outflow show` and the log of settlement say what it waits for"
        )
