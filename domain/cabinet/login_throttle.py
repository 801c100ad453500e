"""How long somebody waits who tries again and again: to sign in, or to guess a code."""

import hashlib
from typing import Final

import msgspec


class ThrottlePolicy(msgspec.Struct, frozen=True):
    """After `free` failures each further one makes the wait twice as long, up to the longest.

    Failures are forgotten when there were none for `memory_seconds`.
    """

    free: int
    first_wait_seconds: int
    longest_wait_seconds: int
    memory_seconds: int

    def wait_after(self, failures: int) -> int:
        """Return for how many seconds nothing more is tried after so many failures in a row."""
        beyond = failures - self.free
        if beyond <= 0:
            return 0
        doubled = self.first_wait_seconds << min(beyond - 1, 20)
        return min(doubled, self.longest_wait_seconds)


OF_ADDRESS: Final = ThrottlePolicy(20, 2, 900, 3_600)
"""Whole offices share an address."""
OF_EMAIL: Final = ThrottlePolicy(5, 2, 300, 3_600)
"""Shorter at the longest: a stranger who fails on purpose keeps somebody else out by it."""
OF_MEMBER: Final = ThrottlePolicy(5, 5, 900, 86_400)
"""Codes of six digits and present passwords, by somebody who is signed in: a million codes last."""


OF_INVITING: Final = ThrottlePolicy(5, 60, 3_600, 86_400)
"""Invitations that fail tell an owner that somebody has an e-mail address here."""


class Subject(msgspec.Struct, frozen=True):
    """Whose attempts are counted together; `shared` if that may be several people's."""

    name: str
    patience: ThrottlePolicy
    shared: bool = False


def of_address(address: str, *, free: int) -> Subject:
    """Return the subject for a client's address, with so many failures free."""
    patience = msgspec.structs.replace(OF_ADDRESS, free=free)
    return Subject(f"ip:{address}", patience, shared=True)


def of_email(email: str) -> Subject:
    """Return the subject for an e-mail address as it was typed, known or not."""
    digest = hashlib.sha256(email.strip().lower().encode()).hexdigest()
    return Subject(f"email:{digest[:32]}", OF_EMAIL)


def of_inviting(partner_id: object) -> Subject:
    """Return the subject for invitations by a partner's owners."""
    return Subject(f"inviting:{partner_id}", OF_INVITING, shared=True)


def of_member(member_id: object) -> Subject:
    """Return the subject for somebody signed in."""
    return Subject(f"member:{member_id}", OF_MEMBER)
