"""Which new passwords are accepted, wherever one is chosen."""

from domain.actions.cabinet.ports import PasswordHasher
from domain.cabinet.members import Member
from domain.cabinet.passwords import PasswordProblem, RejectedPassword, checked_password


async def hash_new_password(
    passwords: PasswordHasher, member: Member, new: str, *, current: str = ""
) -> str:
    """Return the hash of a password that may replace the `current` one, if that is known.

    Raises RejectedPassword and Unavailable.
    """
    checked_password(new, current=current)
    if await passwords.is_common(new, member.personal_words):
        raise RejectedPassword(PasswordProblem.COMMON)
    return await passwords.hash(new)
