"""Scopes of API keys, and the sets of them that endpoints declare (contract, section 16)."""

from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """What a key is for; the value is its name on the wire."""

    FULL = "full"
    """Every call."""
    TRADE = "trade"
    """Discovery, quotes, and opening and following single orders."""
    READ = "read"
    """Discovery, lists and statuses; nothing that changes or costs anything."""


Scopes = frozenset[Scope]

EVERY_SCOPE: Final[Scopes] = frozenset(Scope)
FULL_ONLY: Final[Scopes] = frozenset({Scope.FULL})
FULL_OR_TRADE: Final[Scopes] = frozenset({Scope.FULL, Scope.TRADE})
FULL_OR_READ: Final[Scopes] = frozenset({Scope.FULL, Scope.READ})
