"""Messages of the referral codes pages."""

from typing import Final

from domain.partners.codes import MAX_LABEL_LENGTH
from domain.partners.partner import MAX_MARKUP_BPS

INVALID_NAME: Final = "Use 4 to 32 letters, digits, underscores and hyphens."
NAME_TAKEN: Final = "This name is already taken. Names are unique across all partners."
QUOTA_REACHED: Final = "You have reached your maximum number of codes. Contact the operator."
INVALID_LABEL: Final = (
    f"Use at most {MAX_LABEL_LENGTH} characters on one line, none of them invisible."
)
INVALID_MARKUP: Final = (
    f"Enter a percentage from 0 to {MAX_MARKUP_BPS // 100} with at most two decimals, or leave "
    "this empty."
)
CHANGED: Final = "Code saved. The markup applies to new orders."


def created(name: str) -> str:
    """Return the message after a code was created."""
    return f"Code {name} created. Share its link to start earning."


def enabled(name: str) -> str:
    """Return the message after a code was enabled."""
    return f"Code {name} enabled."


def disabled(name: str) -> str:
    """Return the message after a code was disabled."""
    return f"Code {name} disabled. Orders through its links no longer count towards it."
