"""Show and set the accounts and imported pools that orders get their pay-in addresses from."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from domain.chains.addresses import canonical, check_address, spellings
from domain.chains.networks import NETWORKS
from domain.chains.pay_in import AccountKind, PayInAccount, PayInAddress
from domain.chains.ports import StoredAccount
from domain.errors import InvalidCommand, NotFound

MAX_FREE_COUNTED: Final = 200
"""Free addresses are counted up to here."""
ADDRESSES_SHOWN: Final = 3


class OperatorPayInRepository(Protocol):
    """The operator's view of pay-in accounts. Each method raises Unavailable."""

    async def accounts(self) -> Sequence[StoredAccount]:
        """Return all accounts, by network."""

    async def count_free(self, *, at_most: int) -> dict[str, int]:
        """Return how many free addresses each network has, counted up to `at_most`."""

    async def is_sandbox(self) -> bool:
        """Return whether the database is a sandbox."""

    async def replace_account(self, account: PayInAccount) -> None:
        """Set a network's account and drop the free addresses of the account before it.

        Another account than before does not reuse addresses, until that is allowed again.
        Raises InvalidCommand if the network has an imported pool.
        """

    async def import_addresses(self, network: str, addresses: Mapping[str, Collection[str]]) -> int:
        """Add addresses to a network's pool; return how many were new.

        Each comes with the texts that it may be stored as: one that is known by any of them is not
        added.
        Raises InvalidCommand if the network derives its addresses: one could be used twice.
        """

    async def retire_addresses(self, network: str, addresses: Mapping[str, Collection[str]]) -> int:
        """Add addresses that are watched and never assigned; return how many were new, likewise."""

    async def reusing(self) -> Collection[str]:
        """Return the networks that may reuse addresses of orders that were never paid."""

    async def set_reuse(self, network: str, *, allowed: bool) -> bool:
        """Allow or stop reuse; False if the network has no account.

        Once it is stopped, free addresses that orders had before are those orders' again.
        """

    async def is_followed(self, network: str) -> bool:
        """Return whether settlement is connected to nodes that report deposits of a network."""


class PayInPorts(msgspec.Struct, frozen=True):
    """What the operator's actions on pay-in accounts need.

    `checked` returns an account whose key has been read, or raises InvalidCommand; `derive` returns
    the account's first addresses.
    """

    repository: OperatorPayInRepository
    checked: Callable[[PayInAccount], PayInAccount]
    derive: Callable[[PayInAccount, int], Sequence[PayInAddress]]


class ListedAccount(msgspec.Struct, frozen=True):
    """A network's account, the next index it derives, and its number of free addresses.

    `reuse` is whether addresses of orders that were never paid may be reused.
    """

    account: PayInAccount
    next_index: int
    free: int
    reuse: bool


class ImportedPool(msgspec.Struct, frozen=True):
    """How many addresses were added to a network's pool, and how many it had already."""

    network: str
    added: int
    known_before: int


async def list_accounts(ports: PayInPorts) -> Sequence[ListedAccount]:
    """Return each network's account and its number of free addresses, up to MAX_FREE_COUNTED."""
    free = await ports.repository.count_free(at_most=MAX_FREE_COUNTED)
    reusing = await ports.repository.reusing()
    return [
        ListedAccount(
            account=one.account,
            next_index=one.next_index,
            free=free.get(one.account.network, 0),
            reuse=one.account.network in reusing,
        )
        for one in await ports.repository.accounts()
    ]


async def show_account(ports: PayInPorts, network: str) -> ListedAccount:
    """Return a network's account; raise NotFound."""
    name = _network_name(network)
    for listed in await list_accounts(ports):
        if listed.account.network == name:
            return listed
    raise NotFound(f"{name} has no pay-in account")


async def set_account(
    ports: PayInPorts, network: str, public_key: str, *, kind: str | None = None
) -> tuple[PayInAccount, Sequence[PayInAddress]]:
    """Set a network's account; return it with its first addresses.

    Without `kind` it is of the network's usual kind. Raises InvalidCommand, also for a private key,
    and NotFound.
    """
    await _check_live(ports)
    account = ports.checked(_account(_network_name(network), public_key, kind))
    first = ports.derive(account, ADDRESSES_SHOWN)
    await ports.repository.replace_account(account)
    return account, first


async def set_reuse(ports: PayInPorts, network: str, *, allowed: bool) -> None:
    """Allow or stop the reuse of a network's addresses whose orders were never paid.

    Raises NotFound, and InvalidCommand where settlement could not prove that nobody paid to them.
    """
    listed = await show_account(ports, network)
    name = listed.account.network
    if allowed:
        await _check_live(ports)
        if listed.account.kind == AccountKind.ONE_ADDRESS:
            raise InvalidCommand(f"all orders of {name} share one address, and differ by their tag")
        if not await ports.repository.is_followed(name):
            raise InvalidCommand(f"settlement is not connected to nodes of {name}")
    await ports.repository.set_reuse(name, allowed=allowed)


async def import_addresses(
    ports: PayInPorts, network: str, addresses: Sequence[str], *, retired: bool = False
) -> ImportedPool:
    """Add addresses to the pool of a network that cannot derive them.

    With `retired` they are never assigned, and deposits to them are for the operator: a restored
    database does not know what was imported after its backup, and may have been assigned.
    They are stored in the canonical form of their network, in which its nodes report deposits.
    Raises InvalidCommand for the first that is not valid, and NotFound.
    """
    await _check_live(ports)
    name = _network_name(network)
    known_as: dict[str, Collection[str]] = {}
    for number, address in enumerate(addresses, 1):
        try:
            check_address(name, address)
        except InvalidCommand as error:
            raise InvalidCommand(f"address {number} cannot be used: {error}") from None
        known_as[canonical(name, address)] = spellings(name, address)
    repository = ports.repository
    add = repository.retire_addresses if retired else repository.import_addresses
    added = await add(name, known_as)
    return ImportedPool(name, added, len(addresses) - added)


async def _check_live(ports: PayInPorts) -> None:
    if await ports.repository.is_sandbox():
        raise InvalidCommand("the pay-in addresses of a sandbox are made up and cannot be changed")


def _network_name(text: str) -> str:
    """Return a network's name in its own spelling; raise NotFound."""
    for name in NETWORKS:
        if name.lower() == text.lower():
            return name
    raise NotFound(f"there is no network {text}")


def _account(network: str, public_key: str, kind: str | None) -> PayInAccount:
    usual = NETWORKS[network].live_account
    if usual is None:
        raise InvalidCommand(
            f"{network} cannot derive addresses: add a pool with `swapgate pay-in import`"
        )
    return PayInAccount(network, kind or usual.kind.value, public_key)
