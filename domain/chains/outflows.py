"""Outgoing payments on chains: payouts of orders, and refunds of deposits."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.assets import Asset
from domain.errors import DomainError


class OutflowKind(StrEnum):
    """Whether an order is paid out or its deposit is refunded."""

    PAYOUT = "payout"
    REFUND = "refund"


class OutflowDisabled(DomainError):
    """The operator has disabled outflows."""


class OutflowCapExceeded(DomainError):
    """The outflow would exceed the daily cap."""


class Candidate(msgspec.Struct, frozen=True):
    """A signed transaction in hex, and its id."""

    raw: str
    tx_id: str
    signed_at: datetime


class Outflow(msgspec.Struct, frozen=True, kw_only=True):
    """The single payment that completes an order: created, signed, broadcast, settled.

    `amount` is in smallest units of `asset`; `nonce` is set on networks that count transactions.
    `intention` distinguishes it from cancelled ones of the same order. Of the candidates, newest
    last, the chain can include only one: each spends what the first one spends.
    """

    order_id: UUID
    kind: OutflowKind
    asset: Asset
    address: str
    tag: str | None
    amount: int
    intention: int = 0
    nonce: int | None = None
    candidates: tuple[Candidate, ...] = ()
