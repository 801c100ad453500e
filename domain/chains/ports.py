"""Where pay-in accounts and addresses are stored."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain.chains.pay_in import PayInAccount, PayInAddress


class StoredAccount(msgspec.Struct, frozen=True):
    """A pay-in account and the next index to derive at."""

    account: PayInAccount
    next_index: int


class AddressPool(Protocol):
    """Where pay-in accounts and addresses are kept."""

    async def accounts(self) -> Sequence[StoredAccount]:
        """Return all accounts."""

    async def count_free(self, *, at_most: int) -> dict[str, int]:
        """Return how many addresses each network has free, counting no further than asked."""

    async def add(
        self, stored: StoredAccount, addresses: Sequence[PayInAddress], *, indices: int
    ) -> int:
        """Store addresses and move the account's index on; return how many were new."""
