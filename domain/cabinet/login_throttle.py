"""Throttling of failed attempts to sign in or to enter a code: who waits, and for how long."""

import hashlib
from typing import Final

import msgspec

MAX_DOUBLINGS: Final = 20


class ThrottlePolicy(msgspec.Struct, frozen=True):
    """After `free_attempts` failures, each further failure doubles the wait, up to a maximum.

    The failure count resets after `reset_after_seconds` without a failure.
    """

    free_attempts: int
    first_wait_seconds: int
    max_wait_seconds: int
    reset_after_seconds: int

    def wait_after(self, failures: int) -> int:
        """Return how many seconds to wait after this many consecutive failures."""
        throttled = failures - self.free_attempts
        if throttled <= 0:
            return 0
        doubled = self.first_wait_seconds << min(throttled - 1, MAX_DOUBLINGS)
        return min(doubled, self.max_wait_seconds)


ADDRESS_POLICY: Final = ThrottlePolicy(20, 2, 900, 3_600)
"""Generous, because whole offices share an address."""
EMAIL_POLICY: Final = ThrottlePolicy(5, 2, 300, 3_600)
"""The maximum wait is short: failing on purpose locks the account's owner out for as long."""
MEMBER_POLICY: Final = ThrottlePolicy(5, 5, 900, 86_400)
"""For six-digit codes and current passwords entered by a signed-in member."""
DEVICE_POLICY: Final = EMAIL_POLICY
"""Tries of a known device, which nobody else can use up."""
INVITATION_POLICY: Final = ThrottlePolicy(5, 60, 3_600, 86_400)
"""A failed invitation reveals to an owner that an email address is registered."""


RESET_SOURCE_POLICY: Final = ThrottlePolicy(10, 60, 3_600, 3_600)
"""For requests of links to reset a password, each of which counts."""
RESET_ACCOUNT_POLICY: Final = ThrottlePolicy(3, 60, 900, 3_600)
"""The maximum wait is shorter than a link is valid: whoever requests links for another member
cannot keep that member from having one."""


class ThrottleKey(msgspec.Struct, frozen=True):
    """What attempts are counted by. `shared` keys may cover several people.

    `name` is part of a key in the store.
    """

    name: str
    policy: ThrottlePolicy
    shared: bool = False


def address_key(address: str, *, free_attempts: int) -> ThrottleKey:
    """Return the key of a client address."""
    policy = msgspec.structs.replace(ADDRESS_POLICY, free_attempts=free_attempts)
    return ThrottleKey(f"ip:{address}", policy, shared=True)


def email_key(email: str) -> ThrottleKey:
    """Return the key of an email address as entered, whether or not it is registered."""
    return ThrottleKey(f"email:{_digest(email)}", EMAIL_POLICY)


def reset_source_key(address: str) -> ThrottleKey:
    """Return the key of a client address that requests links to reset passwords."""
    return ThrottleKey(f"reset-ip:{address}", RESET_SOURCE_POLICY, shared=True)


def reset_account_key(email: str) -> ThrottleKey:
    """Return the key of an email address that links are requested for, registered or not."""
    return ThrottleKey(f"reset-email:{_digest(email)}", RESET_ACCOUNT_POLICY)


def device_key(device_id: str) -> ThrottleKey:
    """Return the key of a known device (`Device.id`)."""
    return ThrottleKey(f"device:{device_id}", DEVICE_POLICY)


def invitation_key(partner_id: object) -> ThrottleKey:
    """Return the key of the invitations sent by a partner's owners."""
    return ThrottleKey(f"inviting:{partner_id}", INVITATION_POLICY, shared=True)


def member_key(member_id: object) -> ThrottleKey:
    """Return the key of a signed-in member."""
    return ThrottleKey(f"member:{member_id}", MEMBER_POLICY)


def _digest(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]
