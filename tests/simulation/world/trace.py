"""What happened in a run, a line each: step, who, what, result."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tests.simulation.world.clock import START


class Line(msgspec.Struct, frozen=True):
    """One event of a run; calls to ports are `detail`s of the step that made them."""

    step: int
    at: datetime
    who: str
    what: str
    result: str
    is_detail: bool = False

    def __str__(self) -> str:
        """Return the line as it is printed."""
        when = f"{self.at:%d %H:%M:%S}"
        if self.is_detail:
            return f"             {when}    . {self.who}: {self.what}"
        return f"{self.step:>4} {when} {self.who}: {self.what} -> {self.result}"


class Trace:
    """The lines of a run, in order."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.step = 0
        self.at = START

    def add(self, who: str, what: str, result: object = "done") -> None:
        """Record an event of the present step."""
        self.lines.append(Line(self.step, self.at, who, what, str(result)))

    def detail(self, who: str, what: str) -> None:
        """Record a call to a port."""
        self.lines.append(Line(self.step, self.at, who, what, "", is_detail=True))

    def text(self, *, details: bool = True) -> Sequence[str]:
        """Return all lines as text."""
        return [str(one) for one in self.lines if details or not one.is_detail]
