"""Where settlement stores pay-in addresses, the state of chains, and outflows.

All methods raise Unavailable if the store cannot be reached.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from domain.chains.deposit_credits import DepositCreditRepository
from domain.chains.deposit_refunds import DepositRefundRepository
from domain.chains.outflows import Outflow, OutflowKind
from domain.chains.pay_in import PayInAccount, PayInAddress, UnpaidAddress
from domain.chains.transfers import Block, ConnectedAsset, ExpectedDeposit
from domain.chains.unclaimed_deposits import UnclaimedDepositRepository


class StoredAccount(msgspec.Struct, frozen=True):
    """A pay-in account and the next index to derive at."""

    account: PayInAccount
    next_index: int


class AssignedAddress(msgspec.Struct, frozen=True):
    """An address that an order was given, and its index in its account."""

    address: str
    index: int


class AddressPool(Protocol):
    """Pay-in accounts, and the addresses that orders are given."""

    async def accounts(self) -> Sequence[StoredAccount]:
        """Return all accounts."""

    async def next_free(self) -> Mapping[str, int]:
        """Return a number of each network's next free address, which changes when it is taken."""

    async def count_free(self, at_most: Mapping[str, int]) -> Mapping[str, int]:
        """Return how many free addresses these networks have, each counted up to its bound."""

    async def add(
        self, stored: StoredAccount, addresses: Sequence[PayInAddress], *, indices: int
    ) -> int:
        """Store addresses and advance the account's index; return how many were new."""


class UnpaidAddresses(msgspec.Struct, frozen=True):
    """Some of a network's addresses that may be reused; `after` is where to go on, 0 at the end."""

    addresses: Sequence[UnpaidAddress]
    after: int


class AddressReuseRepository(Protocol):
    """Takes addresses from orders that were never paid. The store checks every condition itself."""

    async def reusing_account(self, network: str) -> PayInAccount | None:
        """Return the network's account if the operator allows to reuse its addresses."""

    async def count_reusable(self, network: str, *, at_most: int) -> int:
        """Return how many free addresses were taken from orders, counted up to a bound."""

    async def unpaid_addresses(self, network: str, *, after: int) -> UnpaidAddresses:
        """Return the addresses after an id that may be reused, as far as the store knows."""

    async def release(self, unpaid: UnpaidAddress) -> bool:
        """Take an address from its order, so that it is free; False if that is not allowed."""


class AssignedAddresses(Protocol):
    """The addresses of a network that orders were given, and the account they derive from."""

    async def account(self, network: str) -> StoredAccount:
        """Return the network's account; raise InvalidCommand if it has none."""

    async def assigned(self, network: str) -> Sequence[AssignedAddress]:
        """Return the assigned addresses, by index."""


class ChainRepository(UnclaimedDepositRepository, DepositCreditRepository, Protocol):
    """The state of each chain."""

    async def newest_block(self, network: str) -> Block | None:
        """Return the last block that was processed."""

    async def add_block(self, network: str, block: Block) -> None:
        """Record a processed block; only the newest few hundred are stored."""

    async def delete_blocks(self, network: str, *, above: int) -> None:
        """Delete the blocks that a reorganization removed from the chain."""

    async def expected_deposits(
        self, network: str, addresses: Collection[str]
    ) -> Mapping[str, ExpectedDeposit]:
        """Return which of these addresses are assigned to orders, and to which.

        A free address that an order had before is expected to be that order's again.
        """

    async def return_address(self, network: str, address: str) -> bool:
        """Assign a free address to the order that had it last; False if it is no longer free."""

    async def unconfirmed_orders(self, network: str) -> Sequence[UUID]:
        """Return the orders with a deposit that is not confirmed, and those that wait for one.

        An order whose other deposits were dropped waits for nothing but to proceed.
        """

    async def required_confirmations(self, network: str) -> Mapping[str, int]:
        """Return how many blocks each asset of a network needs."""

    async def record_confirmations(self, counted: Mapping[tuple[UUID, str], int]) -> None:
        """Store the confirmations of unconfirmed deposits, by order and transaction.

        Their orders are not moved and keep their version; only what differs is written.
        """

    async def set_connected(self, assets: Sequence[ConnectedAsset]) -> None:
        """Replace the connected assets; outside the sandbox only these are swapped."""

    async def add_hot_wallet(self, network: str, addresses: Collection[str]) -> None:
        """Record addresses of a network's hot wallet."""

    async def set_test_networks(self, test_networks: Mapping[str, str]) -> None:
        """Replace which test networks are followed, by network; for `doctor` to report."""

    async def record_status(
        self,
        network: str,
        *,
        height: int | None,
        alarm: str | None,
        followed_until: datetime | None,
    ) -> None:
        """Record the status of a chain; `alarm` states what is wrong.

        All deposits up to `followed_until`, a block's time, are recorded; None for no news.
        """

    async def halt(self, network: str, alarm: str) -> None:
        """Halt the chain until the operator resumes it."""

    async def is_halted(self, network: str) -> bool:
        """Return whether the chain is halted."""


class OutflowRepository(DepositRefundRepository, Protocol):
    """Outflows, at most one per order or approved refund of an unexpected deposit.

    What is written requires that the lease under which this process works is valid, in the same
    statement: without it a method that writes has no effect, and returns False if it returns
    anything.
    """

    async def due(
        self, network: str, *, at: datetime, limit: int
    ) -> Sequence[tuple[UUID, OutflowKind]]:
        """Return orders to be paid out, or whose deposit is to be refunded, on a network.

        Orders on hold, and those whose next attempt is after `at`, are not due. Assets and partners
        take turns; in each turn, orders without a failed attempt come first.
        """

    async def create(self, outflow: Outflow, *, usd: int, fee: str, expected_version: int) -> bool:
        """Record an outflow before it is signed.

        False if the order has changed since it was read, or the operator has put it on hold.
        `usd` is its value and its maximum fee in 10^-18 USD, which count towards the day's cap;
        `fee` is the maximum fee in units of the network's coin. The nonce is the first from
        `outflow`'s up that no other outflow of the network has. Raises OutflowDisabled and
        OutflowCapExceeded.
        """

    async def cancel(self, outflow: Outflow) -> bool:
        """Cancel an outflow that is not signed; False if it is signed, or no longer exists.

        It is moved to the cancelled ones, and no longer counts towards the day's cap.
        """

    async def is_permitted(self, order_id: UUID) -> bool:
        """Return whether the operator has allowed a payout that settlement holds back."""

    async def cost_bound(self, order_id: UUID) -> int:
        """Return the bound of an order's network fee that the operator set, in 10^-18 USD, or 0."""

    async def unbroadcast(self, network: str) -> Sequence[Outflow]:
        """Return what is created or signed and not broadcast, in the order of creation."""

    async def unsettled(self, network: str) -> Sequence[Outflow]:
        """Return what was broadcast and is not deep enough in its chain yet."""

    async def settled(self, network: str) -> Sequence[Outflow]:
        """Return what is settled and not final, lowest nonce first."""

    async def store_signed(self, outflow: Outflow, *, raw: str, tx_id: str) -> bool:
        """Store the signed transaction.

        False if one is stored already, the outflow was cancelled, its order was put on hold, or
        outflows are disabled.
        """

    async def add_replacement(self, outflow: Outflow, *, raw: str, tx_id: str) -> bool:
        """Store one more candidate; False if another was added since, or outflows are disabled."""

    async def add_void(self, outflow: Outflow, *, raw: str, tx_id: str) -> bool:
        """Store a candidate that voids the others; False if another was added since.

        Only after its void was requested; also while outflows are disabled.
        """

    async def mark_voided(self, outflow: Outflow, *, tx_id: str, usd: int | None) -> bool:
        """Move an outflow to the voided ones: `tx_id` is deep enough and paid nobody.

        Its order may get another outflow; one in REFUNDING is back on hold. `usd`, the fee of
        `tx_id` in 10^-18 USD, still counts towards the day's cap; all of it does for None.
        """

    async def is_enabled(self) -> bool:
        """Return whether outflows are enabled."""

    async def mark_broadcast(self, outflow: Outflow, *, at: datetime) -> None:
        """Record that the transaction is broadcast and its order refers to it."""

    async def book_fee(self, outflow: Outflow, fee: str) -> None:
        """Record the fee that the mined transaction cost, in units of the network's coin."""

    async def mark_settled(self, outflow: Outflow, *, tx_id: str, at: datetime) -> None:
        """Record that one of the candidates is deep enough."""

    async def mark_final(self, outflow: Outflow, *, at: datetime) -> None:
        """Record that a settled outflow is so deep that it is no longer followed."""

    async def reopen(self, outflow: Outflow) -> None:
        """Record that a settled outflow is not settled: its chain has removed the transaction."""
