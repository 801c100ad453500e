"""Detection of common and easily guessed passwords with zxcvbn."""

from collections.abc import Sequence
from typing import Final

MAX_EXAMINED: Final = 64
"""Characters that are examined: this many take 50 ms, and the time grows with the square."""
MIN_SCORE: Final = 3
"""On zxcvbn's scale of 0 to 4: at least 10^8 guesses by an informed attacker."""


def is_common(password: str, personal: Sequence[str]) -> bool:
    """Return whether a password is too easy to guess, given `personal` words of its owner."""
    from zxcvbn import zxcvbn  # noqa: PLC0415  loads 14 MB of lists, which few workers need

    estimate = zxcvbn(password[:MAX_EXAMINED], user_inputs=list(personal), max_length=MAX_EXAMINED)
    score: int = estimate["score"]
    return score < MIN_SCORE
