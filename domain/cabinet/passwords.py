"""Which passwords somebody may choose for the cabinet (after NIST SP 800-63B, 5.1.1.2)."""

from enum import Enum, auto
from typing import Final

from domain.errors import InvalidRequest

LEAST_CHARACTERS: Final = 12
MOST_BYTES: Final = 1024


class PasswordFault(Enum):
    """Why a password won't do."""

    SHORT = auto()
    LONG = auto()
    SAME = auto()
    COMMON = auto()


class PasswordRefused(InvalidRequest):
    """Somebody chose a password that won't do."""

    def __init__(self, fault: PasswordFault) -> None:
        super().__init__(f"the new password is refused: {fault.name.lower()}")
        self.fault = fault


def checked_password(password: str, *, former: str) -> str:
    """Return a password that may be chosen in place of `former`; raise PasswordRefused."""
    if len(password) < LEAST_CHARACTERS:
        raise PasswordRefused(PasswordFault.SHORT)
    if len(password.encode()) > MOST_BYTES:
        raise PasswordRefused(PasswordFault.LONG)
    if password == former:
        raise PasswordRefused(PasswordFault.SAME)
    return password
