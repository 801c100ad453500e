"""What the database says: orders, deposits and outflows, read at once by the tables' owner."""

from collections.abc import Mapping
from typing import Final

import msgspec

from domain.assets import Asset
from domain.money import units_from
from tests.simulation.world.storage import Storage

READ: Final = """
SELECT json_build_object(
  'orders', (SELECT coalesce(json_agg(o ORDER BY o.id), '[]') FROM (
    SELECT id, state, rate_type, source, destination, source_amount::text, destination_amount::text,
      network_fee::text, rate, pay_in_address, destination_address, refund_address, choice,
      payout_tx_id, refund_tx_id FROM orders) AS o),
  'deposits', (SELECT coalesce(json_agg(d ORDER BY d.order_id, d.position), '[]') FROM (
    SELECT order_id, tx_id, position, amount::text, confirmed_at IS NOT NULL AS confirmed, late,
      dropped FROM deposits) AS d),
  'unclaimed', (SELECT coalesce(json_agg(u ORDER BY u.tx_id, u.asset), '[]') FROM (
    SELECT network, tx_id, address, asset, amount::text, confirmed_at IS NOT NULL AS confirmed,
      dropped FROM unclaimed_deposits) AS u),
  'outflows', (SELECT coalesce(json_agg(w ORDER BY w.order_id), '[]') FROM (
    SELECT order_id, kind, network, asset, address, amount::text, nonce, tx_id, settled_tx_id,
      fee_paid::text, broadcast_at IS NOT NULL AS broadcast,
      (SELECT coalesce(json_agg(r.tx_id ORDER BY r.number), '[]') FROM outflow_replacements r
       WHERE r.order_id = outflows.order_id) AS replaced_by FROM outflows) AS w),
  'voided', (SELECT coalesce(json_agg(v ORDER BY v.intention), '[]') FROM (
    SELECT intention, order_id, kind, network, tx_ids, mined_tx_id, fee_paid::text,
      num_nonnulls(resend_requested_at, refund_requested_at, closed_at) > 0 AS decided,
      refund_requested_at IS NOT NULL AS is_refunded
    FROM voided_outflows) AS v),
  'refunds', (SELECT coalesce(json_agg(p ORDER BY p.id), '[]') FROM (
    SELECT id, document ->> 'network' AS network, document ->> 'txId' AS tx_id,
      document ->> 'orderId' AS order_id, document ->> 'asset' AS asset,
      document ->> 'amount' AS amount, document ->> 'address' AS address,
      document ? 'isExcess' AS is_excess,
      approved_at IS NOT NULL AS approved, withdrawn_at IS NOT NULL AS withdrawn,
      closed_at IS NOT NULL AS closed
    FROM proposals WHERE kind = 'refund_deposit') AS p),
  'cost_bounds', (SELECT coalesce(json_object_agg(order_id, usd::text), '{}')
    FROM outflow_cost_bounds),
  'failing', (SELECT coalesce(json_object_agg(order_id, reason), '{}') FROM outflow_attempts),
  'blocks', (SELECT coalesce(json_object_agg(b.network, json_build_array(b.height, b.hash)), '{}')
    FROM (SELECT DISTINCT ON (network) network, height, hash FROM chain_blocks
      ORDER BY network, height DESC) AS b)
)::text
"""


class BookedOrder(msgspec.Struct, frozen=True):
    """An order; amounts are text in units of the asset."""

    id: str
    state: str
    rate_type: str
    source: str
    destination: str
    source_amount: str
    destination_amount: str
    network_fee: str
    rate: str
    pay_in_address: str
    destination_address: str
    refund_address: str
    choice: str
    payout_tx_id: str | None
    refund_tx_id: str | None

    @property
    def name(self) -> str:
        """Return its short name in traces."""
        return self.id[-6:]


class BookedDeposit(msgspec.Struct, frozen=True):
    """A deposit of an order."""

    order_id: str
    tx_id: str
    position: int
    amount: str
    confirmed: bool
    late: bool
    dropped: bool

    @property
    def is_counted(self) -> bool:
        """Return whether it is swapped or refunded."""
        return not self.late and not self.dropped


class BookedTransfer(msgspec.Struct, frozen=True):
    """A deposit that its order cannot use: of another asset, or too small."""

    network: str
    tx_id: str
    address: str
    asset: str
    amount: str
    confirmed: bool
    dropped: bool


class BookedOutflow(msgspec.Struct, frozen=True):
    """A payout or refund, and all its signed transactions."""

    order_id: str
    kind: str
    network: str
    asset: str
    address: str
    amount: str
    nonce: int | None
    tx_id: str | None
    settled_tx_id: str | None
    fee_paid: str | None
    broadcast: bool
    replaced_by: tuple[str, ...]

    @property
    def candidates(self) -> tuple[str, ...]:
        """Return the ids of its transactions."""
        return (self.tx_id, *self.replaced_by) if self.tx_id else ()


class BookedVoid(msgspec.Struct, frozen=True):
    """An outflow that was signed and paid nobody."""

    intention: int
    order_id: str
    kind: str
    network: str
    tx_ids: tuple[str, ...]
    mined_tx_id: str
    fee_paid: str | None
    decided: bool
    is_refunded: bool
    """Whether the order of this payout is refunded instead, and stays completed."""


class BookedRefund(msgspec.Struct, frozen=True):
    """A proposal to send back a deposit that no order can use, or the excess of an order's."""

    id: str
    network: str
    tx_id: str
    order_id: str
    asset: str
    amount: str
    address: str
    is_excess: bool
    approved: bool
    withdrawn: bool
    closed: bool

    @property
    def name(self) -> str:
        """Return its short name in traces."""
        return self.id[-6:]


class Books(msgspec.Struct, frozen=True):
    """Everything that the database says at one moment."""

    orders: tuple[BookedOrder, ...]
    deposits: tuple[BookedDeposit, ...]
    unclaimed: tuple[BookedTransfer, ...]
    outflows: tuple[BookedOutflow, ...]
    voided: tuple[BookedVoid, ...]
    refunds: tuple[BookedRefund, ...]
    cost_bounds: Mapping[str, str]
    """What an order's transaction may cost as the operator allowed, in USD, by order."""
    failing: Mapping[str, str]
    """Why the payout or refund of an order fails, by order."""
    blocks: Mapping[str, tuple[int, str]]

    @property
    def undecided(self) -> tuple[BookedVoid, ...]:
        """Return the newest voided outflow of each order, unless something followed it."""
        newest = {one.order_id: one for one in self.voided}
        return tuple(
            one
            for one in newest.values()
            if not one.decided and self.outflow_of(one.order_id) is None
        )

    def outflow_of(self, order_id: str) -> BookedOutflow | None:
        """Return the outflow of an order or proposal."""
        return next((one for one in self.outflows if one.order_id == order_id), None)

    def signed_for(self, order_id: str) -> set[str]:
        """Return the ids of all that was ever signed for an order or proposal."""
        kept = [one.candidates for one in self.outflows if one.order_id == order_id]
        voided = [one.tx_ids for one in self.voided if one.order_id == order_id]
        return {tx_id for tx_ids in (*kept, *voided) for tx_id in tx_ids}

    def state_of(self, order_id: str) -> str:
        """Return the state of an order; empty for a proposal."""
        return next((one.state for one in self.orders if one.id == order_id), "")

    def excess_refunds(self, order_id: str) -> list[BookedRefund]:
        """Return the refunds of what an order received beyond its agreed amount: one not closed."""
        return [one for one in self.refunds if one.is_excess and one.order_id == order_id]

    def excess_of(self, order_id: str) -> str:
        """Return what an order received beyond its agreed amount, and is sent back by itself."""
        return next((one.amount for one in self.excess_refunds(order_id)), "0")

    def deposits_of(self, order_id: str) -> list[BookedDeposit]:
        """Return the deposits of an order."""
        return [one for one in self.deposits if one.order_id == order_id]


_decode = msgspec.json.Decoder(Books).decode


def read_books(storage: Storage) -> Books:
    """Return what the database says now."""
    ((text,),) = storage.sql(READ)
    return _decode(text)


def units(amount: str, asset: Asset) -> int:
    """Return an amount in smallest units of its asset."""
    return units_from(amount, asset.precision)
