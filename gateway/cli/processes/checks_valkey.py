"""What `swapgate doctor` asks of Valkey."""

from datetime import UTC, datetime
from typing import Final

from feeds.rates.health import decode_health
from gateway.cli.processes.checks import Question, clock_advice
from gateway.wiring.operator import OperatorPorts
from persistence.valkey.health import read_server
from persistence.valkey.rates import read_snapshot, read_sources

SERVER: Final = "Valkey"
MIN_VERSION: Final = (7, 2)
FORGOTTEN_SECONDS: Final = 60
KEEPS_ALL: Final = "noeviction"


class ValkeyChecks:
    """The questions, over one command's connections."""

    def __init__(self, operator: OperatorPorts) -> None:
        self._desk = operator

    def questions(self) -> list[tuple[str, Question]]:
        """Return the questions by name; the first one shows whether the server is there."""
        return [
            ("valkey", self._version),
            ("valkey-memory", self._memory),
            ("valkey-clock", self._clock),
            ("rates", self._rates),
            ("rate-sources", self._sources),
        ]

    async def _version(self) -> str | None:
        version = (await read_server(self._desk.valkey)).version
        if version >= MIN_VERSION:
            return None
        found = f"Valkey {'.'.join(map(str, version))}" if version else "What answers as Valkey"
        least = ".".join(map(str, MIN_VERSION))
        return f"{found} can't be used: use Valkey {least} or newer"

    async def _memory(self) -> str | None:
        policy = (await read_server(self._desk.valkey)).memory_policy
        if policy == KEEPS_ALL:
            return None
        return f"Set maxmemory-policy to {KEEPS_ALL}: with {policy} nonces may be forgotten"

    async def _clock(self) -> str | None:
        asked = self._desk.clock.now()
        told = datetime.fromtimestamp((await read_server(self._desk.valkey)).now, UTC)
        return clock_advice(SERVER, asked=asked, told=told, answered=self._desk.clock.now())

    async def _rates(self) -> str | None:
        snapshot = await read_snapshot(self._desk.valkey)
        if snapshot is None:
            return "Start `swapgate rates`: there are no rates"
        now = self._desk.clock.now().timestamp()
        if not snapshot.is_stale(now):
            return None
        return f"Start `swapgate rates`: the newest are {now - snapshot.at:.0f} s old"

    async def _sources(self) -> str | None:
        """Find exchanges that don't answer and coins without a price; fine in the sandbox."""
        stored = await read_sources(self._desk.valkey)
        if stored is None:
            return None
        health = decode_health(stored)
        if self._desk.clock.now().timestamp() - health.at > FORGOTTEN_SECONDS:
            return None  # whoever published them is gone: what is said of rates tells enough
        down = [f"{one.name} ({one.error})" for one in health.venues if one.error]
        said = []
        if down:
            said.append(f"these exchanges fail: {', '.join(down)}")
        if health.withdrawn:
            said.append(f"these coins have too few sources: {', '.join(health.withdrawn)}")
        if not said:
            return None
        return f"See the log of `swapgate rates`: {'; '.join(said)}"
