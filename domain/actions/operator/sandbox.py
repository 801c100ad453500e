"""What only the sandbox does: advance an order by hand, show emails instead of sending them."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol
from uuid import UUID

import msgspec

from domain.actions.orders.complete_payout import complete_payout
from domain.actions.orders.expire_orders import expire_order
from domain.actions.orders.observe_deposit import confirm_deposits, observe_deposit
from domain.actions.orders.ports import SettlementPorts
from domain.cabinet.mail import StoredMail
from domain.errors import InvalidRequest, NotFound
from domain.money import format_units, parse_units
from domain.orders.deposits import ObservedDeposit
from domain.orders.order import Order

MAX_MAILS: Final = 200


class Mailbox(Protocol):
    """Emails that were written instead of being sent."""

    def newest(self, *, limit: int) -> Sequence[StoredMail]:
        """Return the newest emails, newest first."""


class SandboxPorts(msgspec.Struct, frozen=True):
    """What simulating a chain needs.

    `new_tx_id` returns a simulated transaction id; `unconfirmed` an order's unconfirmed deposits.
    """

    settlement: SettlementPorts
    new_tx_id: Callable[[], str]
    unconfirmed: Callable[[Order], Sequence[ObservedDeposit]]


async def simulate_deposit(
    ports: SandboxPorts, order_id: UUID, *, amount: str | None = None
) -> Order:
    """Let a deposit be seen; return the order then.

    `amount` is in units of the source asset; without it, what is missing, or as much as the order
    needs if nothing is. Raises InvalidRequest and NotFound.
    """
    order = await _read(ports, order_id)
    missing = order.source_amount - order.deposits.total
    units = missing if missing > 0 else order.source_amount
    if amount is not None:
        try:
            units = parse_units(amount, order.source.precision)
        except InvalidRequest as error:
            raise InvalidRequest(
                f"{amount!r} is not an amount of {order.source.code}: {error}"
            ) from None
    if order.is_too_small(units):
        raise InvalidRequest(
            f"a deposit below {format_units(order.source.min_deposit, order.source.precision)} "
            f"{order.source.code} counts for nothing: `swapgate min-deposit show`"
        )
    deposit = ObservedDeposit(ports.new_tx_id(), units)
    return await observe_deposit(ports.settlement, order_id, deposit)


async def simulate_confirmation(ports: SandboxPorts, order_id: UUID) -> Order:
    """Confirm all deposits; return the order then. Raises NotFound and InvalidTransition."""
    order = await _read(ports, order_id)
    return await confirm_deposits(ports.settlement, order_id, ports.unconfirmed(order))


async def simulate_payout(ports: SandboxPorts, order_id: UUID) -> Order:
    """Let the payout be broadcast; return the order then. Raises NotFound and InvalidTransition."""
    return await complete_payout(ports.settlement, order_id, ports.new_tx_id())


async def simulate_expiry(ports: SandboxPorts, order_id: UUID) -> Order:
    """Let the time to pay end; return the order then. Raises NotFound and InvalidTransition."""
    return await expire_order(ports.settlement, order_id)


async def _read(ports: SandboxPorts, order_id: UUID) -> Order:
    found = await ports.settlement.orders.read(order_id)
    if found is None:
        raise NotFound(f"there is no order {order_id}")
    return found.order


def list_mail(mailbox: Mailbox, *, to: str | None, limit: int) -> Sequence[StoredMail]:
    """Return the newest emails, newest first: all, or those to one address."""
    found = mailbox.newest(limit=MAX_MAILS)
    wanted = [one for one in found if to is None or one.mail.to == to.strip().lower()]
    return wanted[:limit]
