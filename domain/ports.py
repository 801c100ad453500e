"""What the actions need from the world, as Protocols, and the frozen bundles that carry them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Protocol
from uuid import UUID

import msgspec

from domain.assets import Catalogue
from domain.closings import Closing, Earnings
from domain.codes import CodeRoom, ListedCode, OwnCode
from domain.credentials import Credentials, NewSecrets, Randomness
from domain.earnings import Accrual
from domain.limits import Headroom
from domain.orders import Choice, Order, State
from domain.partners import Partner
from domain.pay_in import PayInAccount, PayInAddress
from domain.pricing import PriceTable
from domain.rates import RateSnapshot
from domain.referrals import ReferralSigner, Referrer
from domain.webhooks import Event


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""


class Market(Protocol):
    """What this process knows of assets and prices; both are swapped as a whole."""

    @property
    def catalogue(self) -> Catalogue:
        """Return the assets and pairs as they are now; raise Unavailable before the first."""

    @property
    def headroom(self) -> Headroom:
        """Return how much may be promised, as of a moment ago."""

    def snapshot(self) -> RateSnapshot:
        """Return the prices of now; raise Unavailable where they are missing or stale."""

    def prices(self) -> PriceTable:
        """Return all pairs at the prices of now; raise Unavailable as `snapshot` does."""

    def newest_snapshot(self) -> RateSnapshot | None:
        """Return the newest prices known, however old; None before the first."""


class RateSource(Protocol):
    """Where prices come from: the sandbox market, or exchanges."""

    def snapshots(self) -> AsyncIterator[RateSnapshot]:
        """Yield a snapshot whenever there is a new one, about once a second."""


class Revisions(msgspec.Struct, frozen=True):
    """How often the catalogue and the partners have changed so far."""

    catalogue: int
    partners: int


class Notice(msgspec.Struct, frozen=True):
    """A message between processes. `channel` is empty when the listener has (re)connected."""

    channel: str
    data: bytes


class Verdict(IntEnum):
    """What the gate says of a call."""

    ADMITTED = 0
    REPLAYED = 1
    LIMITED = 2
    STALE = 3


class Admission(msgspec.Struct, frozen=True, gc=False):
    """A verdict, the weight left, and a wait in milliseconds.

    The wait is until the oldest weight ages out (admitted), or until this call would be admitted.
    """

    verdict: Verdict
    left: int
    wait_ms: int


class Gate(Protocol):
    """Burns nonces and charges weights."""

    def admit(
        self, partner_id: UUID, *, generation: int, nonce: str, weight: int, budget: int
    ) -> Awaitable[Admission]:
        """Decide on a call, in one atomic step; raise Unavailable.

        A call signed with the secret of a `generation` that has been replaced is STALE: its nonce
        isn't burnt, and nothing is charged.
        """

    async def newest_generation(self, partner_id: UUID) -> int:
        """Return the generation below which the partner's calls are stale; raise Unavailable.

        It is below any real one where it isn't known: then it hasn't changed lately.
        """


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


class IdempotencyKey(msgspec.Struct, frozen=True):
    """A partner's Idempotency-Key and the SHA-256 of the body it came with."""

    key: str
    body_hash: bytes


class OpenedOrder(msgspec.Struct, frozen=True):
    """An order as stored by its creation; `repeated` when the key had opened it before."""

    order: Order
    repeated: bool


class OrderDesk(Protocol):
    """What the gateway may do with orders: open and read them."""

    async def open(
        self, order: Order, *, token_hash: bytes, idempotency: IdempotencyKey | None
    ) -> OpenedOrder:
        """Store a new order with a pay-in address of its own (`order`'s is ignored).

        The same key with the same body returns the order it opened before; with another body it
        raises IdempotencyConflict. Raises Unavailable where no pay-in address is free, and
        AboveMaximum or ReserveExceeded where the daily cap or the reserve can't bear the order.
        """

    async def repeated(self, partner_id: UUID, idempotency: IdempotencyKey) -> Order | None:
        """Return the order this key opened before, or None; raise IdempotencyConflict as above."""

    async def find(self, order_id: UUID, partner_id: UUID | None) -> tuple[Order, bytes] | None:
        """Return the partner's order and its token's hash; None also once its user deleted it.

        Without a partner it may be anybody's: the token's hash has to be looked at.
        """

    async def state(self, order_id: UUID) -> State | None:
        """Return an order's state, whoever's it is; None as `find`."""

    async def delete(self, order_id: UUID) -> bool:
        """Have an order vanish for good; False where it isn't finished, or isn't there."""

    async def choose(self, order_id: UUID, partner_id: UUID, choice: Choice) -> bool:
        """Put down what a held order's partner chooses, for settlement to carry out.

        False, and nothing put down, where the order isn't held or was chosen for before.
        """


class VersionedOrder(msgspec.Struct, frozen=True):
    """An order and the version it was read at."""

    order: Order
    version: int


class OrderBook(Protocol):
    """What settlement and the operator may do with orders: move them."""

    async def read(self, order_id: UUID) -> VersionedOrder | None:
        """Return the order, whoever's it is."""

    async def save(
        self,
        order: Order,
        *,
        expected_version: int,
        event: Event | None,
        earned: Accrual | None = None,
    ) -> bool:
        """Store a moved order together with its event; False if it has moved since it was read.

        The event is kept only where the order's partner has a URL and subscribes to its type.
        `earned` is what a completed order has earned; None leaves that for `accrue`.
        """

    async def base_fee_share_bps(self, order_id: UUID) -> int:
        """Return the share of service fees that the order's partner gets; 0 without an order."""

    async def unaccrued(self, sources: Collection[str], *, limit: int) -> Sequence[Order]:
        """Return completed orders from these assets whose earnings aren't posted, oldest first."""

    async def accrue(self, order_id: UUID, earned: Accrual, *, at: datetime) -> bool:
        """Post what a completed order has earned; False where that was done before."""

    async def awaiting_expiry(self, now: datetime, *, limit: int) -> Sequence[UUID]:
        """Return ids of orders whose time to pay has passed."""

    async def chosen(
        self, choices: Collection[Choice], *, limit: int
    ) -> Sequence[tuple[UUID, Choice]]:
        """Return ids of held orders whose partners chose one of these, longest waiting first."""

    async def resting_since(self, moment: datetime, *, limit: int) -> Sequence[VersionedOrder]:
        """Return orders with an unconfirmed deposit or a due payout, unmoved since `moment`."""


class Settlement(msgspec.Struct, frozen=True):
    """What the actions of settlement need."""

    clock: Clock
    market: Market
    orders: OrderBook
    new_id: Callable[[], UUID]


class OrderOpening(msgspec.Struct, frozen=True):
    """What opening and showing orders, and choosing for held ones, needs."""

    clock: Clock
    market: Market
    orders: OrderDesk
    new_id: Callable[[], UUID]
    randomness: Callable[[int], bytes]


class Referrers(Protocol):
    """Who may have sent a visitor. All of it raises Unavailable.

    Without `anew` the answer may be as old as other changes are when workers see them: a second.
    """

    async def of(self, code: str, *, anew: bool = False) -> Referrer | None:
        """Return whose this code is, enabled or not; None where nobody has it."""

    async def house(self, *, anew: bool = False) -> Referrer:
        """Return the partner that orders without a referrer belong to."""


class Referring(msgspec.Struct, frozen=True):
    """What attributing visitors to partners needs."""

    clock: Clock
    referrers: Referrers
    signer: ReferralSigner


class Onboarding(msgspec.Struct, frozen=True):
    """What creating partners needs.

    `store` keeps a new partner and seals its secrets; it raises InvalidRequest where the e-mail
    address is taken. `insecure_webhooks` lets events go to plain http.
    """

    clock: Clock
    store: Callable[[Partner, Credentials, datetime], Awaitable[None]]
    new_id: Callable[[], UUID]
    randomness: Randomness
    insecure_webhooks: bool


class SecretStore(Protocol):
    """Where partners' secrets are kept, sealed."""

    async def replace(self, partner_id: UUID, secrets: NewSecrets, *, generation: int) -> bool:
        """Replace secrets and raise the generation by one; False if it isn't `generation` any more.

        Raises Unavailable where it isn't known whether that was done.
        """


class Rotation(msgspec.Struct, frozen=True):
    """What rotating secrets needs.

    `outdate` tells the gate that a partner's generations below the given one are over; it raises
    Unavailable. `changed` has a partner's record read again: at once here, and soon elsewhere.
    """

    secrets: SecretStore
    outdate: Callable[[UUID, int], Awaitable[None]]
    changed: Callable[[UUID], Awaitable[None]]
    pause: Callable[[float], Awaitable[None]]
    randomness: Randomness


class CodeBook(Protocol):
    """Where reference codes are kept. All of it raises Unavailable."""

    async def add(self, partner_id: UUID, code: OwnCode) -> bool:
        """Store a new code; False where its name is taken or the partner has no room for it."""

    async def newest(
        self, partner_id: UUID, *, limit: int, after: str | None = None
    ) -> Sequence[ListedCode]:
        """Return the partner's newest codes, newest first; those behind one of them, if named."""

    async def find(self, partner_id: UUID, name: str) -> ListedCode | None:
        """Return a code of the partner's."""

    async def room(self, partner_id: UUID) -> CodeRoom:
        """Return how many codes the partner has, and may have; raise NotFound."""

    async def change(
        self, partner_id: UUID, name: str, *, label: str | None, markup_bps: int | None
    ) -> bool:
        """Replace label and markup of a code; False where the partner has none of this name."""

    async def switch(self, partner_id: UUID, name: str, *, enabled: bool) -> bool:
        """Enable or disable a code; False where the partner has none of this name."""


class CodeManagement(msgspec.Struct, frozen=True):
    """What managing codes needs. `changed` is as in Rotation."""

    clock: Clock
    codes: CodeBook
    changed: Callable[[UUID], Awaitable[None]]
    new_id: Callable[[], UUID]


class Accounts(Protocol):
    """Where partners' earnings are kept: sums of the ledger, and closings."""

    async def earnings(self, partner_id: UUID) -> Earnings:
        """Return a partner's account as it is now; raise NotFound."""

    async def payout(self, partner_id: UUID, reference: str) -> Closing | None:
        """Return the partner's payout of this reference, or None."""

    async def close(self, closing: Closing, event: Event) -> bool:
        """Store a closing, its postings and, where the partner subscribes to it, its event.

        All of it or nothing: False where another closing of the partner came first, or one with
        the same reference.
        """


class Bookkeeping(msgspec.Struct, frozen=True):
    """What paying out and clearing partners' earnings needs."""

    clock: Clock
    accounts: Accounts
    new_id: Callable[[], UUID]


class PendingDelivery(msgspec.Struct, frozen=True):
    """An event ready to be sent: where to, signed with what, and how often it was tried.

    `previous_webhook_secret` is what the partner may still verify with, for a while after a
    rotation: in the standard format only.
    """

    event: Event
    url: str
    webhook_secret: str
    standard_webhooks: bool
    failed_attempts: int
    previous_webhook_secret: str | None = None

    def __repr__(self) -> str:
        """Hide the secrets."""
        return f"PendingDelivery(id={self.event.id})"


class Attempt(msgspec.Struct, frozen=True):
    """How one delivery attempt went. Success is an `http_status` of 2xx and no `error`.

    `answer` is the beginning of what the receiver said, made safe to keep and to show;
    `retry_after` how long it asks to be left alone.
    """

    started_at: datetime
    latency: timedelta
    http_status: int | None
    error: str | None
    answer: str | None = None
    retry_after: timedelta | None = None

    @property
    def delivered(self) -> bool:
        """Tell whether the receiver took the event."""
        return (
            self.error is None and self.http_status is not None and (200 <= self.http_status < 300)
        )


class FinishedAttempt(msgspec.Struct, frozen=True):
    """An attempt that is to be logged, and what becomes of its event.

    The event is delivered; else it is due again at `retry_at`; else it is dead.
    """

    event_id: UUID
    lease: UUID
    attempt: Attempt
    retry_at: datetime | None

    @property
    def status(self) -> str:
        """Return the status of the event after it."""
        if self.attempt.delivered:
            return "delivered"
        return "pending" if self.retry_at else "dead"
