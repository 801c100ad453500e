"""Tokens are received and paid as far as their contracts logged it, whatever a receipt's status."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from domain.chains.networks.evm import checksummed
from domain.chains.outflows import Outflow
from domain.chains.transfers import ObservedTransfer, Transfer
from domain.errors import Unavailable
from feeds.settlement.chains.evm.settings import EvmAssetSettings, EvmSettings
from feeds.settlement.chains.interface import Node, NodeUnavailable, Signed, Wallet
from tests.support.chains.anvil.two_anvils import (
    HOT,
    MAX_COST,
    USDT,
    TwoAnvils,
    deploy,
    payment,
    set_code,
    with_node,
    with_wallet,
)
from tests.support.chains.erc20 import TRANSFER, assemble
from tests.support.chains.nodes import Anvil
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes

PAY_IN = checksummed("0x" + "7a" * 20)
AMOUNT = 150_000_000
LOG = f"0x04 CALLDATALOAD CALLER 0x{TRANSFER} 0x20 0x00 LOG3"
RETURN_TRUE = "0x01 0x00 MSTORE 0x20 0x00 RETURN"
STORE_AMOUNT = "0x24 CALLDATALOAD 0x00 MSTORE"

RETURNS_FALSE = "0x00 0x00 MSTORE 0x20 0x00 RETURN"
RETURNS_TRUE_WITHOUT_A_LOG = RETURN_TRUE
REVERTS = "0x00 0x00 REVERT"
LOGS_TWICE = f"{STORE_AMOUNT} {LOG} {LOG} {RETURN_TRUE}"
TAKES_A_FEE = f"0x01 0x24 CALLDATALOAD SUB 0x00 MSTORE {LOG} {RETURN_TRUE}"
PAYS_THE_SENDER = f"{STORE_AMOUNT} CALLER CALLER 0x{TRANSFER} 0x20 0x00 LOG3 {RETURN_TRUE}"
LOGS_WITHOUT_A_RESULT = f"{STORE_AMOUNT} {LOG} 0x00 0x00 RETURN"


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoAnvils]:
    with ExitStack() as stack:
        yield TwoAnvils(Path(tmp_path_factory.mktemp("tokens")), stack)


def settings(chains: TwoAnvils, contract: str) -> EvmSettings:
    return chains.settings(assets={"usdt_erc20": EvmAssetSettings(6, contract)})


def transfer_call(anvil: Anvil, contract: str) -> str:
    """Send a transfer with a gas limit of its own: estimating it would reject failing calls."""
    words = bytes.fromhex(PAY_IN[2:]).rjust(32, b"\0") + AMOUNT.to_bytes(32, "big")
    call = {
        "from": anvil.user_address,
        "to": contract,
        "gas": hex(100_000),
        "data": "0xa9059cbb" + words.hex(),
    }
    return str(anvil.call("eth_sendTransaction", call))


@pytest.mark.parametrize(
    ("runtime", "received"),
    [
        (RETURNS_FALSE, 0),
        (RETURNS_TRUE_WITHOUT_A_LOG, 0),
        (REVERTS, 0),
        (PAYS_THE_SENDER, 0),
        (LOGS_TWICE, 2 * AMOUNT),
        (TAKES_A_FEE, AMOUNT - 1),
        (LOGS_WITHOUT_A_RESULT, AMOUNT),
    ],
)
def test_a_token_deposit_is_what_its_contract_logged(
    chains: TwoAnvils, runtime: str, received: int
) -> None:
    anvil, contract = chains.right, deploy(chains.right, assemble(runtime))
    tx_id = transfer_call(anvil, contract)
    receipt = anvil.receipt(tx_id)
    assert receipt["status"] == ("0x0" if runtime == REVERTS else "0x1")
    height = int(receipt["blockNumber"], 16)

    async def read(node: Node) -> None:
        observed = await node.look_up(tx_id, PAY_IN, "usdt_erc20")
        assert observed == (ObservedTransfer(height, received) if received else None)
        expected = [Transfer(tx_id, PAY_IN, "usdt_erc20", received)] if received else []
        in_block = await node.transfers(receipt["blockHash"])
        assert [one for one in in_block if one.address == PAY_IN] == expected

    with_node(settings(chains, contract), read)


def test_transfers_that_another_contract_logged_are_ignored(chains: TwoAnvils) -> None:
    other = deploy(chains.right, assemble(LOGS_TWICE))
    tx_id = transfer_call(chains.right, other)
    receipt = chains.right.receipt(tx_id)

    async def read(node: Node) -> None:
        assert await node.look_up(tx_id, PAY_IN, "usdt_erc20") is None
        assert await node.transfers(receipt["blockHash"]) == []

    with_node(settings(chains, chains.token), read)


@pytest.mark.parametrize(
    ("runtime", "is_paid", "has_failed"),
    [
        (RETURNS_FALSE, False, True),
        (RETURNS_TRUE_WITHOUT_A_LOG, False, True),
        (REVERTS, False, True),
        (PAYS_THE_SENDER, False, False),
        (LOGS_TWICE, False, False),
        (TAKES_A_FEE, False, False),
        (LOGS_WITHOUT_A_RESULT, True, False),
    ],
)
def test_a_token_payout_is_proven_by_its_log(
    chains: TwoAnvils, runtime: str, *, is_paid: bool, has_failed: bool
) -> None:
    contract = deploy(chains.right, assemble(LOGS_WITHOUT_A_RESULT))
    nonce = chains.sent(chains.right)
    outflow = payment(asset=USDT, address=PAY_IN, amount=AMOUNT, nonce=nonce)

    async def pay(wallet: Wallet) -> tuple[bool, bool]:
        with pytest.raises(NodeUnavailable):
            await wallet.has_paid(outflow, "0x" + "00" * 32)
        signed = await wallet.sign(outflow, max_cost=MAX_COST)
        set_code(chains.right, contract, assemble(runtime))
        await wallet.broadcast(signed)
        await asyncio.to_thread(chains.right.receipt, signed.tx_id)
        return (
            await wallet.has_paid(outflow, signed.tx_id),
            await wallet.has_failed(signed.tx_id),
        )

    assert with_wallet(settings(chains, contract), pay) == (is_paid, has_failed)


@pytest.mark.parametrize(
    "runtime",
    [
        *(RETURNS_FALSE, RETURNS_TRUE_WITHOUT_A_LOG, REVERTS, PAYS_THE_SENDER, LOGS_TWICE),
        TAKES_A_FEE,
    ],
)
def test_a_token_that_would_not_pay_exactly_the_amount_is_not_signed(
    chains: TwoAnvils, runtime: str
) -> None:
    contract = deploy(chains.right, assemble(runtime))
    nonce = chains.sent(chains.right)
    outflow = payment(asset=USDT, address=PAY_IN, amount=AMOUNT, nonce=nonce)

    async def pay(wallet: Wallet) -> None:
        with pytest.raises(Unavailable):
            await wallet.prepare(outflow, max_cost=MAX_COST)
        with pytest.raises(Unavailable):
            await wallet.sign(outflow, max_cost=MAX_COST)

    with_wallet(settings(chains, contract), pay)


def test_a_token_that_would_pay_is_signed(chains: TwoAnvils) -> None:
    for runtime in (LOGS_WITHOUT_A_RESULT, f"{STORE_AMOUNT} {LOG} {RETURN_TRUE}"):
        contract = deploy(chains.right, assemble(runtime))
        outflow = payment(
            asset=USDT, address=PAY_IN, amount=AMOUNT, nonce=chains.sent(chains.right)
        )

        async def pay(wallet: Wallet, outflow: Outflow = outflow) -> Signed:
            await wallet.prepare(outflow, max_cost=MAX_COST)
            return await wallet.sign(outflow, max_cost=MAX_COST)

        assert with_wallet(settings(chains, contract), pay).raw


def test_a_payout_of_the_coin_is_proven_by_its_status(chains: TwoAnvils) -> None:
    nonce = chains.sent(chains.right)
    outflow = payment(address=PAY_IN, nonce=nonce)
    reverting = payment(address=deploy(chains.right, b""), nonce=nonce + 1)

    async def pay(wallet: Wallet) -> list[bool]:
        signed = [await wallet.sign(one, max_cost=MAX_COST) for one in (outflow, reverting)]
        set_code(chains.right, reverting.address, assemble(REVERTS))
        for one in signed:
            await wallet.broadcast(one)
            await asyncio.to_thread(chains.right.receipt, one.tx_id)
        pairs = zip((outflow, reverting), signed, strict=True)
        return [await wallet.has_paid(one, sent.tx_id) for one, sent in pairs]

    assert with_wallet(chains.settings(), pay) == [True, False]
    assert chains.right.balance(HOT) > 0
