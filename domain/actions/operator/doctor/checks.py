"""Run the checks of a server in order, within a time limit."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from domain.errors import DomainError, Unavailable

TIME_LIMIT_SECONDS: Final = 5.0
"""The time limit of all checks of one server together."""

CLOCK_TOLERANCE: Final = timedelta(seconds=2)


class Remark(str):
    """Advice about something outside the installation, which itself passes the check."""

    __slots__ = ()


Probe = Callable[[], Awaitable[str | None]]
"""Returns advice if something is wrong, a Remark, or None if all is well."""


class Check(msgspec.Struct, frozen=True):
    """A check by name, whether it passed, and the advice if it did not."""

    name: str
    ok: bool
    advice: str


class CheckGroup(msgspec.Struct, frozen=True):
    """The checks of one server, the first of which shows whether it is available.

    `rejection` is the exception by which the server's driver reports a rejected query.
    """

    server: str
    rejection: type[Exception]
    probes: Sequence[tuple[str, Probe]]


class Examination(msgspec.Struct, frozen=True):
    """All checks in order."""

    checks: Sequence[Check]

    @property
    def ok(self) -> bool:
        """Return whether every check passed."""
        return all(check.ok for check in self.checks)


async def examine(groups: Sequence[CheckGroup]) -> Examination:
    """Run the groups of checks at the same time."""
    results = await asyncio.gather(*(run_checks(group) for group in groups))
    settings = Check("settings", ok=True, advice="")
    return Examination([settings, *(check for checks in results for check in checks)])


def settings_failed(advice: str) -> Examination:
    """Return the examination of an installation whose settings cannot be used."""
    return Examination([Check("settings", ok=False, advice=_sentence(advice))])


async def run_checks(group: CheckGroup, *, seconds: float = TIME_LIMIT_SECONDS) -> list[Check]:
    """Run one check after the other; once the server is unavailable, the rest fail unchecked."""
    deadline = asyncio.get_running_loop().time() + seconds
    checks: list[Check] = []
    for name, probe in group.probes:
        try:
            async with asyncio.timeout_at(deadline):
                advice = await probe()
        except TimeoutError:
            advice = f"{group.server} does not respond in time: see its load and its log"
            return [*checks, Check(name, ok=False, advice=advice), *_unchecked(group, name)]
        except Unavailable as error:
            advice = (
                f"{group.server} cannot be reached ({_gist(error)}): start it, or `swapgate up`"
            )
            return [*checks, Check(name, ok=False, advice=advice), *_unchecked(group, name)]
        except group.rejection as error:
            advice = f"{group.server} rejected a query ({_gist(error)}): run `swapgate migrate`"
        except DomainError as error:
            advice = _sentence(str(error))
        ok = not advice or isinstance(advice, Remark)
        checks.append(Check(name, ok=ok, advice=str(advice or "")))
    return checks


def clock_advice(
    server: str, *, before: datetime, reported: datetime, after: datetime
) -> str | None:
    """Return advice unless a server's clock, read between two readings of ours, agrees with it."""
    if before - CLOCK_TOLERANCE <= reported <= after + CLOCK_TOLERANCE:
        return None
    offset = (reported - after).total_seconds()
    return f"{server}'s clock is {offset:+.1f} s off ours: run NTP on both machines"


def and_more(found: Sequence[object]) -> str:
    """Return how many there are beside the first, as words that follow it."""
    return f" and {len(found) - 1} more" if len(found) > 1 else ""


def _unchecked(group: CheckGroup, last: str) -> list[Check]:
    """Return the checks after `last` as failed."""
    names = [name for name, _ in group.probes]
    advice = f"Not checked: {group.server} does not respond"
    return [Check(name, ok=False, advice=advice) for name in names[names.index(last) + 1 :]]


def _gist(error: Exception) -> str:
    """Return the last part of a driver's message, which says what went wrong."""
    return str(error).rpartition(": ")[2] or type(error).__name__


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
