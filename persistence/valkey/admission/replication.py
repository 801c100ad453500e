"""How many replicas must acknowledge an admission, so that no failover forgets it.

Without it, a replica that becomes the primary may lack the newest nonces and weights: a call could
be repeated, a window exceeded. Each primary has a record in Valkey, which its replicas get as well:
its address, and how many replicas must acknowledge an admission before it counts. Every worker
reads it each second, and admits nothing without having read it recently.

A primary that loses a replica goes on with those that are left, in a new generation of its record,
which PostgreSQL knows first. A server that finds the record of another one has become the primary
in its place. If that record is not of the last generation, or requires no replica, admissions may
be missing: the nonces are lost, as after a FLUSHALL.
"""

import asyncio
from typing import Any, Final, NamedTuple, Protocol

import structlog
from valkey.exceptions import ValkeyError

from domain.errors import Unavailable
from persistence.valkey.admission.controller import ValkeyAdmissionController
from persistence.valkey.admission.nonces import RECORD, tag_of, write_times
from persistence.valkey.connection.primaries import Primaries, Primary, ask
from persistence.valkey.connection.script_protocol import ACKNOWLEDGED_MS

INTERVAL_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.1
"""After a failure."""
KNOWN_SECONDS: Final = 3.0
"""How long a worker uses what it has read."""
SETTLED_MS: Final = 6_000
"""By when every worker follows a changed record: it may just have read it, and have sent calls."""

# KEYS: the record. ARGV: the address of this server, then, for a change, the expected record and
# the new one without its time. Writes in any case where the record is this server's, so that its
# replicas have something to acknowledge. Returns the record and the time in milliseconds.
ACCESS: Final = """
local stored = server.call('GET', KEYS[1]) or ''
local time = server.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
if ARGV[2] and stored == ARGV[2] then
  stored = ARGV[3] .. ' ' .. now
end
if string.find(stored, ARGV[1] .. ' ', 1, true) == 1 then
  server.call('SET', KEYS[1], stored)
end
return {stored, now}
"""

log = structlog.get_logger()


class Generations(Protocol):
    """The generation of each primary's record, in PostgreSQL. Every method raises Unavailable."""

    async def read(self, address: str) -> int | None:
        """Return the generation of a primary, if there was one with this address."""

    async def advance(self, address: str, at_least: int) -> int:
        """Raise the generation of a primary, if it is less; return it."""


class _Record(NamedTuple):
    """A primary: its address, the replicas that must acknowledge, and since when (milliseconds).

    It is settled once every worker requires as many: a replica has all admissions then.
    """

    address: str
    required: int
    generation: int
    is_settled: bool
    changed_ms: int

    @classmethod
    def parse(cls, stored: str) -> "_Record | None":
        """Return a stored record, or None if there is none."""
        if not stored:
            return None
        address, *numbers = stored.split(" ")
        required, generation, is_settled, changed_ms = map(int, numbers)
        return cls(address, required, generation, bool(is_settled), changed_ms)

    @property
    def content(self) -> str:
        """The record without its time."""
        return f"{self.address} {self.required} {self.generation} {int(self.is_settled)}"

    def __str__(self) -> str:
        return f"{self.content} {self.changed_ms}"


class Replication:
    """Keeps what the workers' admission knows of the replicas current."""

    def __init__(self, admission: ValkeyAdmissionController, generations: Generations) -> None:
        self._admission = admission
        self._primaries: Primaries = admission.primaries
        self._generations = generations
        self._compared: set[str] = set()
        self._failing: set[str] = set()

    async def keep_checking(self) -> None:
        """Check all primaries each second, and at once after a failed call."""
        while True:
            is_known = await self.check()
            failed = self._admission.failed
            failed.clear()
            try:
                async with asyncio.timeout(INTERVAL_SECONDS if is_known else RETRY_SECONDS):
                    await failed.wait()
                await asyncio.sleep(RETRY_SECONDS)
            except TimeoutError:
                continue

    async def check(self) -> bool:
        """Check all primaries once; return whether calls can be admitted on each of them."""
        known = {primary.address: primary.slots for primary in self._primaries.known}
        try:
            await self._primaries.refresh()
        except Unavailable as error:
            self._report("cluster", error)
            return False
        self._report("cluster", None)
        if known != {primary.address: primary.slots for primary in self._primaries.known}:
            self._admission.forget_servers()
        checked = await asyncio.gather(*(self._checked(one) for one in self._primaries.known))
        return all(checked)

    async def _checked(self, primary: Primary) -> bool:
        try:
            await self._check(primary)
        except (ValkeyError, OSError, TimeoutError, Unavailable) as error:
            self._report(primary.address, error)
            return False
        self._report(primary.address, None)
        return True

    async def _check(self, primary: Primary) -> None:
        replicas = self._admission.replicas_of(primary)
        known_until = asyncio.get_running_loop().time() + KNOWN_SECONDS
        server = _Server(primary, self._primaries)
        record, now_ms = await server.access()
        if record is None or record.address != primary.address:
            record = await self._take_over(server, record)
        if primary.address not in self._compared:
            record = await self._compare(server, record)
        acknowledging = await server.acknowledging()
        if acknowledging > record.required:
            record = await server.change(record, required=acknowledging, is_settled=False)
        elif acknowledging < record.required:
            log.warning("valkey lost replicas", primary=record.address, left=acknowledging)
            generation = await self._generations.advance(record.address, record.generation + 1)
            record = await server.change(record, required=acknowledging, generation=generation)
        elif not record.is_settled and now_ms - record.changed_ms > SETTLED_MS:
            record = await server.change(record, is_settled=True)
        replicas.require(record.required, known_until=known_until)

    async def _take_over(self, server: "_Server", before: _Record | None) -> _Record:
        """Continue on a server that has become a primary, or has got the slot of the record."""
        primary = server.primary
        is_lost = before is not None and await self._has_lost(before)
        log.info("valkey primary", primary=primary.address, before=before and before.address)
        if is_lost:
            log.error("nonces lost", primary=primary.address)
        await write_times(self._primaries, primary, "lost" if is_lost else "unknown")
        generation = await self._generations.advance(primary.address, 0)
        record = _Record(primary.address, 0, generation, is_settled=False, changed_ms=0)
        return await server.replace(before, record)

    async def _has_lost(self, before: _Record) -> bool:
        """Tell whether a server with this record may lack admissions of the primary before it."""
        if before.address in {one.address for one in self._primaries.known}:
            return False  # it is a primary: only the slot of the record has moved
        if not before.required or not before.is_settled:
            return True
        return before.generation != await self._generations.read(before.address)

    async def _compare(self, server: "_Server", record: _Record) -> _Record:
        """Complete what a worker began that ended between PostgreSQL and Valkey."""
        generation = await self._generations.advance(record.address, record.generation)
        if generation != record.generation:
            record = await server.change(record, generation=generation)
        self._compared.add(record.address)
        return record

    def _report(self, what: str, error: Exception | None) -> None:
        """Log the first of the failures in a row."""
        if error is None:
            self._failing.discard(what)
        elif what not in self._failing:
            self._failing.add(what)
            log.warning("valkey unavailable", primary=what, reason=str(error))


class _Server:
    """The record of a primary, and its replicas."""

    def __init__(self, primary: Primary, primaries: Primaries) -> None:
        self.primary = primary
        self._key = RECORD + (f":{{{tag_of(min(primary.slots))}}}" if primaries.has_slots else "")
        self._script = primary.client.register_script(ACCESS)

    async def access(self, *change: str) -> tuple[_Record | None, int]:
        """Return the record and the server's time, after a change; see ACCESS."""
        stored, now_ms = await self._script(keys=[self._key], args=[self.primary.address, *change])
        return _Record.parse(stored.decode()), int(now_ms)

    async def acknowledging(self) -> int:
        """Return how many replicas have acknowledged a write of now."""
        role: list[Any] = await self.primary.client.role()
        connected = len(role[2])
        if not connected:
            return 0
        sha, arguments = self._script.sha, (1, self._key, self.primary.address)
        commands = ("EVALSHA", sha, *arguments), ("WAIT", connected, ACKNOWLEDGED_MS)
        _, acknowledged = await ask(self.primary.client, *commands)
        return int(acknowledged)

    async def change(self, record: _Record, **changes: Any) -> _Record:
        """Change the record; raise Unavailable if another worker has changed it."""
        return await self.replace(record, record._replace(**changes))

    async def replace(self, before: _Record | None, record: _Record) -> _Record:
        """Replace the record; raise Unavailable if another worker has changed it."""
        stored, _ = await self.access(str(before) if before else "", record.content)
        if stored is None or stored.content != record.content:
            raise Unavailable("another worker has changed the record of the primary")
        return stored
