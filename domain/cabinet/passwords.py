"""Rules for passwords of the cabinet (after NIST SP 800-63B, 5.1.1.2)."""

from enum import Enum, auto
from typing import Final

from domain.errors import InvalidCommand

MIN_CHARACTERS: Final = 12
MAX_BYTES: Final = 1024


class PasswordProblem(Enum):
    """Why a password is rejected."""

    TOO_SHORT = auto()
    TOO_LONG = auto()
    UNCHANGED = auto()
    COMMON = auto()


class RejectedPassword(InvalidCommand):
    """The chosen password violates a rule."""

    def __init__(self, problem: PasswordProblem) -> None:
        super().__init__(f"password rejected: {problem.name}")
        self.problem = problem


def checked_password(password: str, *, current: str) -> str:
    """Return a password that may replace the `current` one; raise RejectedPassword.

    Whether it is a common password is checked separately, because that is slow.
    """
    if len(password) < MIN_CHARACTERS:
        raise RejectedPassword(PasswordProblem.TOO_SHORT)
    if len(password.encode()) > MAX_BYTES:
        raise RejectedPassword(PasswordProblem.TOO_LONG)
    if password == current:
        raise RejectedPassword(PasswordProblem.UNCHANGED)
    return password
