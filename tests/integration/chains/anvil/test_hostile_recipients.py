"""No payout costs more than a bounded multiple of its charge, whatever its recipient is (anvil)."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.chains.networks.evm import checksummed
from domain.chains.outflows import CostAboveBound, Outflow, OutflowKind
from feeds.settlement.chains.evm.gas import GAS_PRICE_ORACLE
from feeds.settlement.chains.evm.wallet import EvmWallet
from tests.support.chains import hostile
from tests.support.chains.anvil.hot_wallet import ETH, ETHER, HotWallet, new_address
from tests.support.chains.erc20 import assemble
from tests.support.chains.nodes import Anvil
from tests.support.chains.payout_world import PayoutWorld
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes

GWEI = 10**9
CHARGED = 4 * ETHER // 10_000
BOUND = 3 * CHARGED
AMOUNT = "0.0001"
AMOUNT_WEI = ETHER // 10_000


Connect = Callable[[EvmWallet], PayoutWorld]

KINDS: dict[str, Callable[[Anvil], str]] = {
    "gas burner": lambda anvil: anvil.deploy(hostile.contract(hostile.BURNER)),
    "proxy to a burner": lambda anvil: anvil.deploy(
        hostile.proxy_to(anvil.deploy(hostile.contract(hostile.BURNER)))
    ),
    "two-faced": lambda anvil: anvil.deploy(hostile.contract(hostile.TWO_FACED)),
    "reverter": lambda anvil: anvil.deploy(hostile.contract(hostile.REVERTER)),
    "return bomb": lambda anvil: anvil.deploy(hostile.contract(hostile.RETURN_BOMB)),
    "revert bomb": lambda anvil: anvil.deploy(hostile.contract(hostile.REVERT_BOMB)),
    "expensive wallet": lambda anvil: anvil.deploy(hostile.contract(hostile.EXPENSIVE_WALLET)),
    "self-destructing": lambda anvil: anvil.deploy(hostile.contract(hostile.SELF_DESTRUCTING)),
    "self-destructed": lambda anvil: anvil.deploy(hostile.SELF_DESTRUCTED),
}
PAYABLE = {"expensive wallet", "self-destructing", "self-destructed"}
REASONS = {
    "gas burner": "gas_above_ceiling",
    "proxy to a burner": "gas_above_ceiling",
    "two-faced": "transaction_failed",
    "reverter": "unavailable",
    "return bomb": "gas_above_ceiling",
    "revert bomb": "unavailable",
}


async def run(world: PayoutWorld, anvil: Anvil, *, rounds: int = 4) -> None:
    """Run rounds hours apart, with enough blocks in between to settle what was sent."""
    for _ in range(rounds):
        world.publish_rates()
        await world.payouts.round()
        anvil.mine(12)
        world.clock.advance(timedelta(hours=2))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hostile_recipient_costs_at_most_the_bound(
    anvil: Anvil, hot: HotWallet, connect: Connect, kind: str
) -> None:
    world = connect(hot.wallet())
    await world.start()
    recipient, healthy = checksummed(KINDS[kind](anvil)), new_address()
    order_id, _ = world.due(recipient, healthy, destination="eth", amount=AMOUNT)
    before = hot.balance()
    await run(world, anvil)
    paid = 2 if kind in PAYABLE else 1
    cost = before - hot.balance() - paid * AMOUNT_WEI
    assert 0 < cost <= paid * BOUND + (BOUND if kind == "two-faced" else 0)
    assert anvil.balance(healthy) == AMOUNT_WEI
    attempt = world.attempt(order_id)
    assert (attempt.reason if attempt else None) == REASONS.get(kind)


@pytest.mark.parametrize("hostile_orders", [27, pytest.param(200, marks=pytest.mark.slow)])
async def test_many_hostile_recipients_cost_at_most_the_bound_and_no_healthy_payout_is_lost(
    anvil: Anvil,
    hot: HotWallet,
    connect: Connect,
    hostile_orders: int,
    record_property: Callable[[str, object], None],
) -> None:
    world = connect(hot.wallet())
    await world.start()
    deployed = {kind: checksummed(deploy(anvil)) for kind, deploy in KINDS.items()}
    kinds = [list(KINDS)[number % len(KINDS)] for number in range(hostile_orders)]
    healthy = [new_address() for _ in range(hostile_orders // 5)]
    world.due(*(deployed[kind] for kind in kinds), destination="eth", amount=AMOUNT)
    world.due(*healthy, destination="eth", amount=AMOUNT)
    before = hot.balance()
    await run(world, anvil)
    delivered = len(healthy) + sum(kind in PAYABLE for kind in kinds)
    cost = before - hot.balance() - delivered * AMOUNT_WEI
    record_property("cost_ether", cost / ETHER)
    record_property("bound_ether", hostile_orders * BOUND / ETHER)
    assert [anvil.balance(address) for address in healthy] == [AMOUNT_WEI] * len(healthy)
    assert cost <= hostile_orders * BOUND
    booked = world.sql(
        "SELECT sum(fee_paid), count(*) FILTER (WHERE fee_paid > fee) FROM ("
        "SELECT fee, fee_paid FROM outflows UNION ALL SELECT fee, fee_paid FROM voided_outflows)"
    )
    assert booked == [(Decimal(cost).scaleb(-18), 0)]


@pytest.mark.parametrize("kind", REASONS)
async def test_a_hostile_refund_address_costs_at_most_the_bound(
    anvil: Anvil, hot: HotWallet, connect: Connect, kind: str
) -> None:
    world = connect(hot.wallet())
    await world.start()
    address, healthy = checksummed(KINDS[kind](anvil)), new_address()
    refunds = [world.due(new_address(), source="eth", refund=one) for one in (address, healthy)]
    world.sql("UPDATE orders SET state = 'held', choice = 'REFUND', emergency = '{LIMIT}'")
    before = hot.balance()
    await run(world, anvil)
    refunded = anvil.balance(healthy)
    assert refunded == ETHER // 100 - CHARGED
    assert 0 < before - hot.balance() - refunded <= 2 * BOUND
    attempt = world.attempt(refunds[0][0])
    assert attempt is not None
    assert attempt.reason == REASONS[kind]


async def test_fees_above_the_bound_put_orders_on_hold_until_they_fall(
    anvil: Anvil, hot: HotWallet, connect: Connect
) -> None:
    world = connect(hot.wallet())
    await world.start()
    recipient = new_address()
    (order_id,) = world.due(recipient, destination="eth", amount=AMOUNT)
    anvil.call("anvil_setNextBlockBaseFeePerGas", hex(100 * GWEI))
    anvil.mine()
    await world.payouts.round()
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert (attempt.reason, attempt.held) == ("cost_above_bound", True)
    anvil.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    anvil.mine()
    await run(world, anvil, rounds=2)
    assert anvil.balance(recipient) == AMOUNT_WEI
    assert world.attempt(order_id) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (hostile.FALSE_TOKEN, "unavailable"),
        (hostile.LYING_TOKEN, "unavailable"),
        (hostile.BURNER, "gas_above_ceiling"),
        (hostile.REVERTER, "unavailable"),
    ],
)
async def test_a_token_that_reports_false_results_is_never_counted_as_paid(
    anvil: Anvil, hot: HotWallet, connect: Connect, code: str, reason: str
) -> None:
    world = connect(hot.wallet(token=anvil.deploy(hostile.contract(code))))
    await world.start()
    (order_id,) = world.due(new_address(), destination="usdt_erc20", amount="10")
    before = hot.balance()
    await run(world, anvil)
    attempt = world.attempt(order_id)
    assert attempt is not None
    assert attempt.reason == reason
    assert world.sql("SELECT count(*) FROM outflows WHERE settled_at IS NOT NULL") == [(0,)]
    assert before - hot.balance() <= BOUND


async def test_a_healthy_token_is_paid_and_settled(
    anvil: Anvil, hot: HotWallet, connect: Connect
) -> None:
    token, recipient = anvil.deploy(), new_address()
    anvil.receipt(anvil.send_token(token, hot.address, 10**9))
    world = connect(hot.wallet(token=token))
    await world.start()
    world.due(recipient, destination="usdt_erc20", amount="10")
    await run(world, anvil, rounds=2)
    assert anvil.token_balance(token, recipient) == 10**7
    assert world.sql("SELECT count(*) FROM outflows WHERE settled_at IS NOT NULL") == [(1,)]


async def test_a_fee_is_raised_only_within_the_bound(anvil: Anvil, hot: HotWallet) -> None:
    wallet, outflow = hot.wallet(), to_be_paid(new_address(), nonce=0)
    anvil.call("evm_setAutomine", False)
    max_cost = 21_000 * 10 * GWEI
    signed = await wallet.sign(outflow, max_cost=max_cost)
    raised = 0
    while raised < 100:
        await wallet.broadcast(signed)
        sent = anvil.call("eth_getTransactionByHash", signed.tx_id)
        assert int(sent["gas"], 16) * int(sent["maxFeePerGas"], 16) <= max_cost
        try:
            signed = await wallet.raise_fee(outflow, signed.tx_id, max_cost=max_cost)
        except CostAboveBound:
            break
        raised += 1
    assert 1 < raised < 100
    await wallet.close()


async def test_the_data_fee_of_a_rollup_counts_towards_the_bound(
    anvil: Anvil, hot: HotWallet
) -> None:
    wallet, outflow = hot.wallet(network="Base"), to_be_paid(new_address())
    data_fee = ETHER // 10_000
    constant = f"0x{data_fee:016x} 0x00 MSTORE 0x20 0x00 RETURN"
    anvil.call("anvil_setCode", GAS_PRICE_ORACLE, "0x" + assemble(constant).hex())
    prepared = await wallet.prepare(outflow, max_cost=ETHER)
    assert data_fee < prepared.max_cost < data_fee + 21_000 * 10 * GWEI
    with pytest.raises(CostAboveBound):
        await wallet.prepare(outflow, max_cost=data_fee)
    await wallet.close()


async def test_a_rollup_without_the_newer_fee_call_is_asked_the_older_one(
    anvil: Anvil, hot: HotWallet
) -> None:
    wallet, outflow = hot.wallet(network="Base"), to_be_paid(new_address())
    data_fee = ETHER // 10_000
    older = (
        "0x00 CALLDATALOAD 0xe0 SHR 0x49948e0e EQ @fee JUMPI 0x00 0x00 REVERT "
        f":fee 0x{data_fee:016x} 0x00 MSTORE 0x20 0x00 RETURN"
    )
    anvil.call("anvil_setCode", GAS_PRICE_ORACLE, "0x" + assemble(older).hex())
    assert (await wallet.prepare(outflow, max_cost=ETHER)).max_cost > data_fee
    await wallet.close()


def to_be_paid(address: str, *, nonce: int | None = None) -> Outflow:
    return Outflow(
        order_id=UUID(int=1),
        kind=OutflowKind.PAYOUT,
        asset=ETH,
        address=address,
        tag=None,
        amount=10_000,
        nonce=nonce,
    )
