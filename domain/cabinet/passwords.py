"""Which passwords somebody may choose for the cabinet (after NIST SP 800-63B, 5.1.1.2)."""

from enum import Enum, auto
from typing import Final

from domain.errors import InvalidRequest

MIN_CHARACTERS: Final = 12
MAX_BYTES: Final = 1024


class PasswordProblem(Enum):
    """Why a password won't do."""

    SHORT = auto()
    LONG = auto()
    SAME = auto()
    COMMON = auto()


class RejectedPassword(InvalidRequest):
    """Somebody chose a password that won't do."""

    def __init__(self, fault: PasswordProblem) -> None:
        super().__init__(f"the new password is refused: {fault.name.lower()}")
        self.fault = fault


def checked_password(password: str, *, former: str) -> str:
    """Return a password that may be chosen in place of `former`; raise RejectedPassword."""
    if len(password) < MIN_CHARACTERS:
        raise RejectedPassword(PasswordProblem.SHORT)
    if len(password.encode()) > MAX_BYTES:
        raise RejectedPassword(PasswordProblem.LONG)
    if password == former:
        raise RejectedPassword(PasswordProblem.SAME)
    return password
