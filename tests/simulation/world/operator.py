"""The operator, who does anything that the command allows, at any moment."""

from collections.abc import Sequence
from random import Random
from uuid import UUID

from domain.actions.operator.chains import resume_chain
from domain.actions.operator.orders import OperatorOrderPorts, Resolution, resolve_order
from domain.actions.operator.outflows import (
    close_outflow,
    permit_outflow,
    resend_outflow,
    set_outflow_cap,
    set_outflow_enabled,
    void_outflow,
)
from domain.actions.operator.settlement.held_outflows import (
    hold_outflow,
    raise_cost_bound,
    release_outflow,
)
from domain.actions.orders.ports import SettlementPorts
from persistence.postgres.chains.held_outflows import PostgresHeldOutflowRepository
from persistence.postgres.chains.operator_chains import PostgresOperatorChainRepository
from persistence.postgres.chains.operator_outflows import PostgresOperatorOutflowRepository
from persistence.postgres.orders.settlement import PostgresSettlementOrderRepository
from persistence.postgres.partners.operator_partners import PostgresOperatorPartnerRepository
from tests.simulation.chains.account_chain import AccountChain, Behavior
from tests.simulation.chains.families import ACCOUNTS, OUTPUTS
from tests.simulation.world.attempts import Attempt
from tests.simulation.world.credit_requesters import CreditRequesters
from tests.simulation.world.customers import CustomerOrder, some_order
from tests.simulation.world.deposit_refunders import DepositRefunders
from tests.simulation.world.market import SimulatedMarket
from tests.simulation.world.market_operator import MarketOperator
from tests.simulation.world.scheduling import Process
from tests.simulation.world.storage import ProcessDatabase

WHY = "simulated"


class Operator:
    """The operator; each method is one command, and returns what came of it."""

    def __init__(
        self,
        process: Process,
        admin: ProcessDatabase,
        orders_database: ProcessDatabase,
        settlement: SettlementPorts,
        *,
        orders: list[CustomerOrder],
        market: SimulatedMarket,
        chain: AccountChain,
        hostile: Sequence[Behavior],
        random: Random,
    ) -> None:
        self._attempt = Attempt(process)
        self.consented: set[str] = set()
        """Orders for which an exchange above the maximum was permitted."""
        self.market = MarketOperator(self._attempt, admin, market, random)
        self.refunds = DepositRefunders(
            self._attempt,
            admin,
            market=settlement.market,
            clock=settlement.clock,
            new_id=settlement.new_id,
            random=random,
            accounts=chain,
            hostile=hostile,
        )
        self.credits = CreditRequesters(
            self._attempt,
            admin,
            market=settlement.market,
            clock=settlement.clock,
            new_id=settlement.new_id,
            random=random,
            chain=chain,
            orders=orders,
        )
        self._orders = orders
        self._random = random
        self._chains = PostgresOperatorChainRepository(admin)
        self._bounds = PostgresHeldOutflowRepository(admin)
        self._outflows = PostgresOperatorOutflowRepository(admin)
        self._ports = OperatorOrderPorts(
            settlement=settlement,
            recent=PostgresSettlementOrderRepository(
                orders_database, lambda: settlement.market.catalogue
            ),
            partners=PostgresOperatorPartnerRepository(admin),
            outflows=PostgresOperatorOutflowRepository(orders_database),
            held_outflows=PostgresHeldOutflowRepository(orders_database),
            sandbox_tx_id=None,
        )

    async def act(self) -> str:
        """Do one of the things that the command allows."""
        commands = (
            self._resolve,
            self._hold,
            self._release,
            self._resolve,
            self._switch,
            self._cap,
            self._allow,
            self._resume,
            self._void,
            self._raise_bound,
            self._void_refund,
            self.market.act,
            self.market.act,
            self.refunds.act,
            self.refunds.act,
            self.credits.act,
            self.credits.act,
            self.credits.act,
        )
        return await self._random.choice(commands)()

    async def resolve(
        self,
        order_id: UUID,
        resolution: Resolution,
        *,
        overrule: bool,
        above_maximum: bool = False,
    ) -> str:
        """Resolve an order."""
        if above_maximum:
            self.consented.add(str(order_id))
        return await self._attempt(
            resolve_order(
                self._ports,
                order_id,
                resolution,
                overrule=overrule,
                above_maximum=above_maximum,
                reason=WHY,
            )
        )

    async def release(self, order_id: UUID) -> str:
        """Have a payout or refund that is on hold attempted again."""
        return await self._attempt(release_outflow(self._ports.held_outflows, order_id, reason=WHY))

    async def void(self, order_id: UUID) -> str:
        """Have a signed payment voided, of an order or of a refund's proposal."""
        return await self._attempt(void_outflow(self._outflows, order_id))

    async def allow(self, order_id: UUID) -> str:
        """Permit a payout that settlement withholds."""
        return await self._attempt(permit_outflow(self._outflows, order_id))

    async def resend(self, order_id: UUID) -> str:
        """Have a voided or failed payment sent again."""
        return await self._attempt(resend_outflow(self._outflows, order_id))

    async def close(self, order_id: UUID) -> str:
        """Send nothing in place of a voided payment, or of an approved refund."""
        return await self._attempt(close_outflow(self._outflows, order_id))

    async def restore(self) -> None:
        """Resume every chain, enable outflows, and remove caps, reserves and pauses."""
        await self.market.restore()
        await self._attempt(set_outflow_enabled(self._outflows, enabled=True))
        await self._attempt(set_outflow_cap(self._outflows, "none"))
        for network in (ACCOUNTS, OUTPUTS):
            await self._attempt(resume_chain(self._chains, network))
        for one in self._orders:
            await self.release(one.order.id)

    async def interfere(self, one: CustomerOrder) -> str:
        """Decide about an order whose payout or refund is under way."""
        commands = (self._insist, self._insist, self._resolve, self._hold, self._void)
        return await self._random.choice(commands)(one)

    async def _insist(self, one: CustomerOrder) -> str:
        """Exchange an order or cancel it, whatever its partner has chosen."""
        resolution = self._random.choice((Resolution.EXCHANGE, Resolution.CANCEL))
        result = await self.resolve(one.order.id, resolution, overrule=True, above_maximum=True)
        return f"order resolve {one.name} {resolution.value} overrule=True: {result}"

    async def _resolve(self, one: CustomerOrder | None = None) -> str:
        one = one or self._some_order()
        if one is None:
            return "no order"
        resolution = self._random.choice(list(Resolution))
        overrule, above = self._random.random() < 0.5, self._random.random() < 0.1
        result = await self.resolve(
            one.order.id, resolution, overrule=overrule, above_maximum=above
        )
        options = f"{resolution.value} overrule={overrule} above_maximum={above}"
        return f"order resolve {one.name} {options}: {result}"

    async def _hold(self, one: CustomerOrder | None = None) -> str:
        one = one or self._some_order()
        if one is None:
            return "no order"
        work = hold_outflow(self._ports.held_outflows, one.order.id, reason=WHY)
        return f"outflow hold {one.name}: {await self._attempt(work)}"

    async def _release(self) -> str:
        one = self._some_order()
        if one is None:
            return "no order"
        work = release_outflow(self._ports.held_outflows, one.order.id, reason=WHY)
        return f"outflow release {one.name}: {await self._attempt(work)}"

    async def _switch(self) -> str:
        enabled = self._random.random() < 0.7
        work = set_outflow_enabled(self._outflows, enabled=enabled)
        return f"outflow {'on' if enabled else 'off'}: {await self._attempt(work)}"

    async def _cap(self) -> str:
        cap = self._random.choice(("none", "none", "2000", "50"))
        return f"outflow cap {cap}: {await self._attempt(set_outflow_cap(self._outflows, cap))}"

    async def _allow(self) -> str:
        one = self._some_order()
        if one is None:
            return "no order"
        return f"outflow allow {one.name}: {await self.allow(one.order.id)}"

    async def _void(self, one: CustomerOrder | None = None) -> str:
        one = one or self._some_order()
        if one is None:
            return "no order"
        which = self._random.random()
        if which < 0.4:
            return f"outflow resend {one.name}: {await self.resend(one.order.id)}"
        if which < 0.5:
            return f"outflow close {one.name}: {await self.close(one.order.id)}"
        return f"outflow void {one.name}: {await self.void(one.order.id)}"

    async def _void_refund(self) -> str:
        """Void, resend or close the refund of a deposit."""
        proposal_id = await self.refunds.some()
        if proposal_id is None:
            return "no proposal"
        if self._random.random() < 0.3:
            return f"outflow close {proposal_id.hex[-6:]}: {await self.close(proposal_id)}"
        if self._random.random() < 0.5:
            return f"outflow resend {proposal_id.hex[-6:]}: {await self.resend(proposal_id)}"
        return f"outflow void {proposal_id.hex[-6:]}: {await self.void(proposal_id)}"

    async def _raise_bound(self) -> str:
        one = self._some_order()
        if one is None:
            return "no order"
        usd = self._random.choice(("0.5", "5", "40"))
        work = raise_cost_bound(self._bounds, one.order.id, usd, reason=WHY)
        return f"outflow raise-bound {one.name} {usd}: {await self._attempt(work)}"

    async def _resume(self) -> str:
        network = self._random.choice((ACCOUNTS, OUTPUTS))
        return f"chain resume {network}: {await self._attempt(resume_chain(self._chains, network))}"

    def _some_order(self) -> CustomerOrder | None:
        return some_order(self._orders, self._random)
