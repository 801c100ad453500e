"""The ports of the operator's actions, composed when first used.

Adapters are imported by the method that needs them, so that a command loads only its own.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from psqlpy.exceptions import Error as DatabaseError
from valkey.exceptions import ValkeyError

from domain.actions.operator.audit import AuditPorts, AuditTrail
from domain.actions.operator.chains import OperatorChainRepository
from domain.actions.operator.deposits import DepositPorts
from domain.actions.operator.earnings import EarningsPorts
from domain.actions.operator.mailbox import Mailbox
from domain.actions.operator.market.ports import MarketPorts
from domain.actions.operator.market.unpaid import UnpaidPorts
from domain.actions.operator.operators import (
    Claim,
    Identity,
    OperatorIdentityPorts,
    OperatorRepository,
)
from domain.actions.operator.orders import OperatorOrderPorts
from domain.actions.operator.outflows import OperatorOutflowRepository
from domain.actions.operator.partners import OperatorPartnerRepository
from domain.actions.operator.proposals import ProposalRepository
from domain.actions.operator.webhooks import OperatorWebhookPorts
from domain.actions.orders.ports import SettlementPorts
from domain.actions.sandbox.simulate import SandboxPorts
from domain.assets import Asset, Catalogue
from domain.chains.sweeps import SweepOptions
from domain.errors import Unavailable
from domain.ledger.reconciliation import Difference
from domain.webhooks.ports import WebhookPorts
from gateway.runtime.clock import new_id
from gateway.settings import Settings, SettingsError
from gateway.wiring.operator.connections import OperatorConnections
from persistence.postgres.pool import DatabaseUnavailable

if TYPE_CHECKING:
    from domain.actions.operator.keyring import KeyRingPorts
    from domain.actions.operator.partners import PartnerPorts
    from domain.actions.operator.pay_in import PayInPorts
    from domain.actions.operator.settlement.deposit_credits import CreditPorts
    from domain.actions.operator.settlement.held_outflows import HeldOutflowRepository
    from domain.actions.operator.settlement.restored import RestorePorts
    from domain.actions.operator.sweep import SweepPorts
    from domain.actions.partners.manage_keys_for_operator import OperatorKeyPorts

RECONCILE_TIMEOUT_MS = 15 * 60 * 1000
"""Sums over all orders take long."""

T = TypeVar("T")


class OperatorPorts(OperatorConnections):
    """What the operator's actions need, over the connections of one command.

    `operator` is set while a recorded action runs.
    """

    operator: Identity | None = None

    def acting(self) -> Identity:
        """Return the operator of the recorded action that is running."""
        if self.operator is None:
            raise RuntimeError("no recorded action is running")
        return self.operator

    def new_id(self) -> UUID:
        """Return a new id."""
        return new_id()

    def proposals(self) -> ProposalRepository:
        """Return the operators' proposals."""
        from persistence.postgres.operators.proposals import PostgresProposalRepository

        return PostgresProposalRepository(self.database)

    async def deposits(self) -> DepositPorts:
        """Return what the actions on unexpected deposits need."""
        from gateway.wiring.rates_key import rates_key
        from persistence.postgres.chains.addresses.own_addresses import PostgresOwnAddresses
        from persistence.postgres.orders.unexpected_deposits import PostgresUnexpectedDeposits
        from persistence.valkey.rates import read_snapshot

        snapshot = None
        # Without prices, another operator is needed.
        with suppress(Unavailable, ValkeyError, SettingsError):
            snapshot = await read_snapshot(self.valkey, key=rates_key(self.settings))
        if snapshot is not None and snapshot.is_stale(self.clock.now().timestamp()):
            snapshot = None
        return DepositPorts(
            deposits=PostgresUnexpectedDeposits(self.database),
            own_addresses=PostgresOwnAddresses(self.database),
            proposals=self.proposals(),
            catalogue=await self.catalogue(),
            snapshot=snapshot,
            clock=self.clock,
            new_id=new_id,
        )

    async def credits(self) -> "CreditPorts":
        """Return what the actions on credits of deposits need."""
        from domain.actions.operator.settlement.deposit_credits import CreditPorts
        from persistence.postgres.chains.deposit_credits import PostgresCreditRequests

        return CreditPorts(
            requests=PostgresCreditRequests(self.database),
            catalogue=await self.catalogue(),
            clock=self.clock,
            new_id=new_id,
            pause=asyncio.sleep,
        )

    def key_ring(self) -> "KeyRingPorts":
        """Return what the actions on the key ring need."""
        from gateway.wiring.operator.keyring import keyring_ports

        return keyring_ports(self)

    def operators(self) -> OperatorIdentityPorts:
        """Return what the actions on operators need."""
        return OperatorIdentityPorts(
            repository=self.operator_repository(),
            clock=self.clock,
            randomness=secrets.token_bytes,
        )

    def operator_repository(self) -> OperatorRepository:
        """Return the operators."""
        from persistence.postgres.operators.operators import PostgresOperatorRepository

        return PostgresOperatorRepository(self.database)

    def audit(self, claim: Claim | None, *, system_user: str) -> AuditPorts:
        """Return what recording an action needs; see `identify`."""
        return AuditPorts(
            trail=self.audit_trail(),
            operators=self.operator_repository(),
            clock=self.clock,
            new_id=new_id,
            claim=claim,
            system_user=system_user,
        )

    def audit_trail(self) -> AuditTrail:
        """Return the audit trail."""
        from persistence.postgres.operators.audit import PostgresAuditTrail

        return PostgresAuditTrail(self.database)

    def market(self) -> MarketPorts:
        """Return what the actions on the market need."""
        from persistence.postgres.market.reserves import PostgresReserveRepository
        from persistence.postgres.market.settings import PostgresMarketSettings

        return MarketPorts(
            settings=PostgresMarketSettings(self.database),
            reserves=PostgresReserveRepository(self.database),
            announce=self.announce,
        )

    def unpaid_caps(self) -> UnpaidPorts:
        """Return what the actions on caps of unpaid orders need."""
        from persistence.postgres.market.unpaid import PostgresUnpaidCapRepository

        return UnpaidPorts(
            caps=PostgresUnpaidCapRepository(self.database), partners=self.partner_repository()
        )

    def partners(self) -> "PartnerPorts":
        """Return what the actions on partners need."""
        from gateway.wiring.operator.partners import partner_ports

        return partner_ports(self)

    def keys(self) -> "OperatorKeyPorts":
        """Return what the actions on API keys need."""
        from gateway.wiring.operator.partners import key_ports

        return key_ports(self)

    def partner_repository(self) -> OperatorPartnerRepository:
        """Return the operator's view of partners."""
        from persistence.postgres.partners.operator_partners import (
            PostgresOperatorPartnerRepository,
        )

        return PostgresOperatorPartnerRepository(self.database)

    def earnings(self) -> EarningsPorts:
        """Return what the actions on earnings need."""
        from domain.actions.ledger.ports import LedgerPorts
        from persistence.postgres.ledger.earnings import PostgresEarningsRepository
        from persistence.postgres.ledger.payout_details import PostgresPayoutDetailsRepository

        repository = PostgresEarningsRepository(self.database)
        return EarningsPorts(
            partners=self.partner_repository(),
            ledger=LedgerPorts(clock=self.clock, repository=repository, new_id=new_id),
            queries=repository,
            payout_details=PostgresPayoutDetailsRepository(self.database).history,
        )

    async def reconcile(self) -> Sequence[Difference]:
        """Return every difference in ledger, counters and outbox."""
        from persistence.postgres.reconciliation.differences import differences

        database = self.database_with(statement_timeout_ms=RECONCILE_TIMEOUT_MS)
        try:
            return [one async for one in differences(database, await self.catalogue())]
        finally:
            database.close()

    async def orders(self, *, rates: bool = False) -> OperatorOrderPorts:
        """Return what the actions on orders need; `rates` as in `settlement`."""
        from feeds.settlement.sandbox import sandbox_tx_id
        from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository

        settlement = await self.settlement(rates=rates)
        return OperatorOrderPorts(
            settlement=settlement,
            recent=PostgresSettlementOrderRepository(
                self.database, lambda: settlement.market.catalogue
            ),
            partners=self.partner_repository(),
            outflows=self.outflows(),
            held_outflows=self.held_outflows(),
            sandbox_tx_id=sandbox_tx_id if self.settings.sandbox else None,
        )

    async def sandbox(self, *, rates: bool = False) -> SandboxPorts:
        """Return what simulating a chain needs; `rates` as in `settlement`."""
        from feeds.settlement.sandbox import sandbox_tx_id, unconfirmed_deposits
        from persistence.postgres.orders.sandbox_steps import advance_order

        return SandboxPorts(
            settlement=await self.settlement(rates=rates),
            new_tx_id=sandbox_tx_id,
            unconfirmed=unconfirmed_deposits,
            advance=lambda order_id, seconds: advance_order(
                self.database, order_id, seconds, at=self.clock.now()
            ),
        )

    async def settlement(self, *, rates: bool = False) -> SettlementPorts:
        """Return what the actions of settlement need, with the catalogue as it is now.

        `rates` reads the newest prices too: raises Unavailable without Valkey, and SettingsError.
        """
        from gateway.runtime.market import LiveMarket
        from gateway.wiring.rates_key import rates_key
        from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
        from persistence.valkey.rates import read_snapshot

        market = LiveMarket(sandbox=self.settings.sandbox)
        market.adopt_catalogue(await self.catalogue())
        snapshot = None
        if rates:
            snapshot = await read_snapshot(self.valkey, key=rates_key(self.settings))
        if snapshot is not None:
            market.adopt_snapshot(snapshot)
        return SettlementPorts(
            clock=self.clock,
            market=market,
            orders=PostgresSettlementOrderRepository(self.database, lambda: market.catalogue),
            new_id=new_id,
            public_url=self.settings.public_url,
        )

    def webhooks(self) -> OperatorWebhookPorts:
        """Return what the actions on webhooks need."""
        from persistence.postgres.webhooks.operator_webhooks import (
            PostgresOperatorWebhookRepository,
        )

        return OperatorWebhookPorts(
            clock=self.clock,
            partners=self.partner_repository(),
            repository=PostgresOperatorWebhookRepository(self.database),
            sending=self._sending,
            pause=asyncio.sleep,
        )

    def _sending(self) -> WebhookPorts:
        from persistence.postgres.webhooks.repository import PostgresWebhookRepository

        return WebhookPorts(
            clock=self.clock,
            repository=PostgresWebhookRepository(self.database, self.keyring()),
            new_id=new_id,
            insecure_allowed=self.settings.insecure_webhooks,
        )

    def chains(self) -> OperatorChainRepository:
        """Return the operator's view of chains."""
        from persistence.postgres.chains.operator_chains import PostgresOperatorChainRepository

        return PostgresOperatorChainRepository(self.database)

    def outflows(self) -> OperatorOutflowRepository:
        """Return the operator's view of what settlement sends."""
        from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository

        return PostgresOperatorOutflowRepository(self.database)

    def held_outflows(self) -> "HeldOutflowRepository":
        """Return holds, releases and cost bounds of single orders."""
        from persistence.postgres.chains.held_outflows import PostgresHeldOutflowRepository

        return PostgresHeldOutflowRepository(self.database)

    def pay_in(self) -> "PayInPorts":
        """Return what the actions on pay-in accounts need."""
        from gateway.wiring.operator.pay_in import pay_in_ports

        return pay_in_ports(self)

    def restore(self) -> "RestorePorts":
        """Return what dealing with a restored database needs."""
        from gateway.wiring.operator.pay_in import restore_ports

        return restore_ports(self)

    def mailbox(self) -> Mailbox:
        """Return the emails that the sandbox has written; raise SettingsError elsewhere."""
        from feeds.mail.files import MailDirectory

        if self.settings.mail_directory is None:
            raise SettingsError("emails are written to files in sandbox mode only")
        return MailDirectory(self.settings.mail_directory, now=self.clock.now, new_id=new_id)

    def sweep(self) -> "SweepPorts":
        """Return what drafting sweeps needs. Drafting raises SettingsError for the chains file."""
        from domain.actions.operator.sweep import SweepPorts
        from feeds.settlement.chains.interface import InvalidChainSettings
        from feeds.settlement.chains.settings import read_chains_file
        from feeds.settlement.sweep import draft_sweep
        from persistence.postgres.chains.pay_in.pool import PostgresAssignedAddresses

        assigned = PostgresAssignedAddresses(self.database)

        async def draft(asset: Asset, catalogue: Catalogue, options: SweepOptions) -> Any:
            if not self.settings.chains:
                raise SettingsError("SWAPGATE_CHAINS is not set: it names the file of nodes")
            try:
                chains = read_chains_file(Path(self.settings.chains))
                return await draft_sweep(
                    chains, asset, catalogue=catalogue, assigned=assigned, options=options
                )
            except InvalidChainSettings as error:
                raise SettingsError(str(error)) from None

        return SweepPorts(catalogue=self.catalogue, draft=draft)


def run_with_ports(
    settings: Settings, work: Callable[[OperatorPorts], Awaitable[T]], *, read_only: bool
) -> T:
    """Run `work` with connections of its own. Raises SettingsError and DomainError.

    What the database driver reports becomes Unavailable, with the last part of its message.
    """

    async def connected() -> T:
        ports = OperatorPorts(settings, read_only=read_only)
        try:
            return await work(ports)
        finally:
            await ports.close()

    try:
        return asyncio.run(connected())
    except DatabaseUnavailable as error:
        raise Unavailable(
            f"the database cannot be reached ({_gist(error)}): run `swapgate doctor` for advice"
        ) from error
    except DatabaseError as error:
        raise Unavailable(
            f"the database rejected the statement ({_gist(error)}): run `swapgate doctor` for "
            "advice"
        ) from error


def _gist(error: Exception) -> str:
    """Return the last part of a driver's message, which says what went wrong."""
    return str(error).rpartition(": ")[2] or type(error).__name__
