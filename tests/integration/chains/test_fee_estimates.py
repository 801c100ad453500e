"""What payouts cost is estimated by real nodes: anvil and litecoind."""

import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from domain.assets import Asset, Bounds, Catalogue, Switches
from domain.chains.networks import NETWORKS
from domain.market.rates import RateSnapshot
from feeds.settlement.chains.bitcoin import family as bitcoin
from feeds.settlement.chains.bitcoin.settings import BitcoinSettings
from feeds.settlement.chains.evm import family as evm
from feeds.settlement.chains.evm.gas import GAS_PRICE_ORACLE
from feeds.settlement.chains.evm.settings import EvmAssetSettings, EvmSettings
from feeds.settlement.chains.evm.transaction import address_of_key
from feeds.settlement.chains.interface import Chain, Wallet
from feeds.settlement.payouts.fee_estimates import FeeEstimates
from gateway.runtime.market import LiveMarket
from tests.conftest import free_port
from tests.support.chains.erc20 import assemble
from tests.support.chains.nodes import USER, Anvil, Litecoind
from tests.support.chains.world import needs_nodes

pytestmark = needs_nodes

USD, GWEI, ETHER = 10**18, 10**9, 10**18
ETH = Asset("eth", "ETH", "Ethereum", "Ethereum", 8, 40_000, 50)
USDT = Asset("usdt_erc20", "USDT", "Ethereum", "Tether", 6, 1_500_000, 50)
LTC = Asset("ltc", "LTC", "Litecoin", "Litecoin", 8, 10_000, 50)
ASSETS = {one.code: one for one in (ETH, USDT, LTC)}


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with ExitStack() as stack:
        yield Anvil(free_port(), tmp_path_factory.mktemp("anvil"), stack)


@pytest.fixture(scope="module")
def litecoind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Litecoind]:
    with ExitStack() as stack:
        yield Litecoind(free_port(), tmp_path_factory.mktemp("litecoind"), stack)


@pytest.fixture
async def opened() -> AsyncIterator[list[Wallet]]:
    wallets: list[Wallet] = []
    yield wallets
    for wallet in wallets:
        await wallet.close()


def evm_wallet(
    anvil: Anvil,
    directory: Path,
    opened: list[Wallet],
    *,
    network: str = "Ethereum",
    test_network: str | None = "anvil",
) -> tuple[Wallet, str, str]:
    """Return a wallet with ether and a token, the token's address and the wallet's."""
    key, key_file = secrets.token_bytes(32), directory / "hot.key"
    key_file.write_text(key.hex())
    key_file.chmod(0o600)
    address, token = "0x" + address_of_key(key).hex(), anvil.deploy()
    anvil.call("anvil_setBalance", address, hex(ETHER))
    anvil.set_token_balance(token, address, 10**12)
    settings = EvmSettings(
        nodes=(anvil.url, anvil.url),
        assets={"eth": EvmAssetSettings(18), "usdt_erc20": EvmAssetSettings(6, token)},
        key_file=str(key_file),
        test_network=test_network,
    )
    wallet = evm.FAMILY.wallet(Chain(NETWORKS[network], settings, ASSETS))
    assert wallet is not None
    opened.append(wallet)
    return wallet, token, address


def litecoin_wallet(
    litecoind: Litecoind, opened: list[Wallet], *, fee_rate: str | None, max_fee: str = "0.01"
) -> Wallet:
    url = litecoind.url.replace("http://", f"http://{USER}:{USER}@")
    settings = BitcoinSettings(
        nodes=(url, url), asset="ltc", wallet="hot", fee_rate=fee_rate, max_fee=max_fee
    )
    wallet = bitcoin.FAMILY.wallet(Chain(NETWORKS["Litecoin"], settings, ASSETS))
    assert wallet is not None
    opened.append(wallet)
    return wallet


def set_base_fee(anvil: Anvil, wei: int) -> int:
    """Mine a block with this base fee; return what a transaction pays per gas, as estimated."""
    anvil.call("anvil_setNextBlockBaseFeePerGas", hex(wei))
    anvil.mine()
    block = anvil.call("eth_getBlockByNumber", "latest", False)
    assert int(block["baseFeePerGas"], 16) == wei
    return 2 * wei + int(anvil.call("eth_maxPriorityFeePerGas"), 16)


async def test_the_fee_of_ether_and_tokens_follows_the_base_fee(
    anvil: Anvil, tmp_path: Path, opened: list[Wallet]
) -> None:
    wallet, token, _ = evm_wallet(anvil, tmp_path, opened)
    for gwei in (1, 50):
        per_gas = set_base_fee(anvil, gwei * GWEI)
        assert await wallet.typical_fee(ETH) == 21_000 * per_gas
        of_token = await wallet.typical_fee(USDT)
        assert of_token is not None
        gas, rest = divmod(of_token, per_gas)
        assert rest == 0
        assert 30_000 < gas < 120_000
    assert token


async def test_an_empty_wallet_is_estimated_with_usual_amounts_of_gas(
    anvil: Anvil, tmp_path: Path, opened: list[Wallet]
) -> None:
    wallet, token, address = evm_wallet(anvil, tmp_path, opened)
    anvil.set_token_balance(token, address, 0)
    anvil.call("anvil_setBalance", address, "0x0")
    per_gas = set_base_fee(anvil, 3 * GWEI)
    assert await wallet.typical_fee(ETH) == 21_000 * per_gas
    assert await wallet.typical_fee(USDT) == 65_000 * per_gas


async def test_a_base_fee_above_the_operators_maximum_is_estimated_at_the_maximum(
    anvil: Anvil, tmp_path: Path, opened: list[Wallet]
) -> None:
    wallet, _, _ = evm_wallet(anvil, tmp_path, opened)
    set_base_fee(anvil, 9_000 * GWEI)
    assert await wallet.typical_fee(ETH) == 21_000 * 500 * GWEI


async def test_the_fee_of_a_rollup_includes_its_data_on_ethereum(
    anvil: Anvil, tmp_path: Path, opened: list[Wallet]
) -> None:
    wallet, _, _ = evm_wallet(anvil, tmp_path, opened, network="Base")
    l1_fee = 777 * GWEI
    returns = assemble(f"0x{l1_fee:016x} 0x00 MSTORE 0x20 0x00 RETURN")
    anvil.call("anvil_setCode", GAS_PRICE_ORACLE, "0x" + returns.hex())
    per_gas = set_base_fee(anvil, GWEI)
    assert await wallet.typical_fee(ETH) == 21_000 * per_gas + l1_fee


async def test_litecoin_is_estimated_at_the_rate_that_payouts_pay(
    litecoind: Litecoind, opened: list[Wallet]
) -> None:
    assert await litecoin_wallet(litecoind, opened, fee_rate="0.001").typical_fee(LTC) == 22_600
    capped = litecoin_wallet(litecoind, opened, fee_rate="0.001", max_fee="0.0001")
    assert await capped.typical_fee(LTC) == 10_000


async def test_without_an_estimate_of_the_node_there_is_none(
    litecoind: Litecoind, opened: list[Wallet]
) -> None:
    assert await litecoin_wallet(litecoind, opened, fee_rate=None).typical_fee(LTC) is None


def market_with(**prices: int) -> LiveMarket:
    market = LiveMarket(unix_time=lambda: 0)
    market.adopt_catalogue(
        Catalogue(
            assets=ASSETS,
            disabled_pairs=frozenset(),
            default_bounds=Bounds(0, 10**30),
            pair_bounds={},
            switches=Switches(),
        )
    )
    market.adopt_snapshot(RateSnapshot(at=0, prices=prices))
    return market


async def estimated(wallet: Wallet, **prices: int) -> Mapping[Asset, int]:
    """Return what a round records of ether and a token."""
    recorded: dict[Asset, int] = {}

    async def record(estimates: Mapping[Asset, int]) -> None:
        recorded.update(estimates)

    await FeeEstimates(
        wallet=wallet, codes=("eth", "usdt_erc20"), market=market_with(**prices), record=record
    ).round()
    return recorded


async def test_a_round_records_estimates_in_units_of_each_asset(
    anvil: Anvil, tmp_path: Path, opened: list[Wallet]
) -> None:
    wallet, _, _ = evm_wallet(anvil, tmp_path, opened)
    per_gas = set_base_fee(anvil, 20 * GWEI)
    in_wei = await wallet.typical_fee(USDT)
    assert in_wei is not None
    of_ether = -(-21_000 * per_gas // 10**10)
    assert await estimated(wallet, ETH=3_000 * USD, USDT=USD) == {
        ETH: of_ether,
        USDT: -(-in_wei * 3_000 * 10**6 // ETHER),
    }
    assert await estimated(wallet, ETH=3_000 * USD) == {ETH: of_ether}, "the token has no price"


async def test_a_node_of_another_chain_estimates_nothing(
    anvil: Anvil, tmp_path: Path, opened: list[Wallet]
) -> None:
    wallet, _, _ = evm_wallet(anvil, tmp_path, opened, test_network=None)
    assert await estimated(wallet, ETH=3_000 * USD, USDT=USD) == {}
