"""Tells passwords that many people use, or that are built like those, by zxcvbn's lists."""

from collections.abc import Sequence
from typing import Final

LOOKED_AT: Final = 64
"""Characters that are looked at: it takes 50 ms for so many, and the square of that for more."""
MIN_SCORE: Final = 3
"""Of 0 to 4: at least a hundred million guesses, by somebody who knows what people choose."""


def is_common(password: str, about: Sequence[str]) -> bool:
    """Tell whether a password is too easy to guess; `about` are words of whoever chooses it."""
    from zxcvbn import zxcvbn  # noqa: PLC0415  14 MB of lists, for the few workers that need them

    found = zxcvbn(password[:LOOKED_AT], user_inputs=list(about), max_length=LOOKED_AT)
    score: int = found["score"]
    return score < MIN_SCORE
