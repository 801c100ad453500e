"""Asks questions of the installation, in order and within a time, and keeps what to do."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from psqlpy.exceptions import Error as DatabaseError

from domain.errors import Unavailable
from gateway.cli.root import sentence
from gateway.settings import SettingsError
from gateway.wiring.operator import gist

SECONDS = 5.0
"""How long the questions to one server may take together."""

CLOCK_TOLERANCE = timedelta(seconds=2)

Question = Callable[[], Awaitable[str | None]]
"""Answers with what to do, a Remark, or None where all is well."""


class Remark(str):
    """What is worth knowing where the installation itself is as it should be."""

    __slots__ = ()


class Check(msgspec.Struct, frozen=True):
    """What was looked at, whether it is as it should be, and what to do where it isn't."""

    name: str
    ok: bool
    advice: str


def passed(name: str) -> Check:
    """Return a check that found nothing to do."""
    return Check(name, ok=True, advice="")


def failed(name: str, advice: str) -> Check:
    """Return a check that found something to do."""
    return Check(name, ok=False, advice=advice)


async def ask(
    server: str, questions: Sequence[tuple[str, Question]], *, seconds: float = SECONDS
) -> list[Check]:
    """Ask one after the other; once the server is away, what is left isn't asked any more."""
    deadline = asyncio.get_running_loop().time() + seconds
    checks: list[Check] = []
    away = False
    for name, question in questions:
        if away:
            checks.append(failed(name, f"This can't be told before {server} answers"))
            continue
        try:
            async with asyncio.timeout_at(deadline):
                advice = await question()
        except TimeoutError:
            away, advice = True, f"{server} doesn't answer in time: see its load and its log"
        except Unavailable as error:
            away = True
            advice = f"{server} can't be reached ({gist(error)}): start it, or `swapgate up`"
        except DatabaseError as error:
            advice = f"{server} refuses the question ({gist(error)}): run `swapgate migrate`"
        except SettingsError as error:
            advice = sentence(error)
        checks.append(
            Check(name, ok=not advice or isinstance(advice, Remark), advice=str(advice or ""))
        )
    return checks


def clock_advice(server: str, *, asked: datetime, told: datetime, answered: datetime) -> str | None:
    """Compare a server's time, told between two moments of ours, with ours."""
    if asked - CLOCK_TOLERANCE <= told <= answered + CLOCK_TOLERANCE:
        return None
    off = (told - answered).total_seconds()
    return f"{server}'s clock is {off:+.1f} s off ours: run NTP on both machines"
