"""`swapgate pay-in sweep`: drafts what moves pay-ins to one address; who has the keys signs it."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.money import format_units
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, run
from gateway.cli.output import show
from gateway.settings import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.assets import Asset
    from feeds.settlement.chains.evm.node import EvmAsset
    from feeds.settlement.chains.evm.sweep import FundedAddress, Unsigned
    from feeds.settlement.chains.settings import BitcoinSettings, ChainSettings, EvmSettings
    from gateway.wiring.operator import OperatorPorts

SCAN_SECONDS = 3_600
"""How long a node may look through all coins there are."""

Code = Annotated[str, typer.Argument(metavar="ASSET", help="An asset's code, such as ltc.")]
To = Annotated[str, typer.Option(help="The address that everything goes to.")]
FeeRate = Annotated[
    str | None, typer.Option(help="Coins a kvB; else the file's, else the node's estimate.")
]
MaxGwei = Annotated[int, typer.Option(min=1, help="Of an EVM network: gwei a unit of gas.")]
Origin = Annotated[
    str, typer.Option(help="Fingerprint and path of the account, such as d34db33f/84h/2h/0h.")
]


def sweep(
    code: Code,
    *,
    to: To,
    fee_rate: FeeRate = None,
    max_fee_gwei: MaxGwei = 50,
    origin: Origin = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Draft what moves all confirmed pay-ins of an asset to one address: nothing is signed or sent.

    It asks the first node of the file in SWAPGATE_CHAINS.
    """

    async def work(operator: "OperatorPorts") -> object:
        from domain.chains.addresses import check_address
        from feeds.settlement.chains.connect import evm_assets
        from feeds.settlement.chains.settings import BitcoinSettings

        assets = (await operator.catalogue()).assets
        asset = assets.get(code.lower())
        if asset is None:
            raise Failure(f"there is no asset {code}")
        check_address(asset.network, to)
        chain = _chain_of(operator, asset, assets)
        if isinstance(chain, BitcoinSettings):
            rate = _rate(fee_rate or chain.fee_rate)
            return await _coins(operator, chain, asset, to=to, rate=rate, origin=origin)
        known = next(one for one in evm_assets(chain, assets) if one.code == asset.code)
        given = await _given(operator, asset.network)
        return await _transfers(chain, known, given, to=to, max_fee=max_fee_gwei * 10**9)

    found = run(Role.ADMIN, data_dir, work)
    show(found, as_json=as_json)


def _chain_of(
    operator: "OperatorPorts", asset: "Asset", assets: "Mapping[str, Asset]"
) -> "ChainSettings":
    from feeds.settlement.chains.settings import InvalidChainSettings, check_chain, read_chains_file

    if not operator.settings.chains:
        raise Failure("SWAPGATE_CHAINS is not set: it names the file of nodes")
    try:
        chain = read_chains_file(Path(operator.settings.chains)).get(asset.network)
        if chain is not None:
            check_chain(asset.network, chain, assets)
    except InvalidChainSettings as error:
        raise Failure(str(error)) from None
    if chain is None or asset.code not in chain.codes:
        raise Failure(f"the file of SWAPGATE_CHAINS doesn't have {asset.code}")
    return chain


def _rate(text: str | None) -> Decimal | None:
    try:
        rate = Decimal(text) if text is not None else None
    except InvalidOperation:
        rate = Decimal(-1)
    if rate is not None and not 0 < rate < 1:
        raise Failure("a fee rate is coins a kvB, such as 0.0001")
    return rate


async def _coins(
    operator: "OperatorPorts",
    chain: "BitcoinSettings",
    asset: "Asset",
    *,
    to: str,
    rate: Decimal | None,
    origin: str,
) -> dict[str, object]:
    from feeds.settlement.chains.bitcoin.sweep import draft_coins
    from feeds.settlement.chains.rpc import Rpc
    from persistence.postgres.chains.pay_in import read_account

    stored = await read_account(operator.database, asset.network)
    rpc = Rpc(chain.nodes[0], seconds=SCAN_SECONDS)
    try:
        drafted = await draft_coins(
            rpc, stored.account, to=to, indices=stored.next_index, fee_rate=rate, origin=origin
        )
    finally:
        await rpc.close()
    return {
        "asset": asset.code,
        "inputs": drafted.inputs,
        "left": drafted.left,
        "amount": format_units(drafted.amount, asset.precision),
        "fee": format_units(drafted.fee, asset.precision),
        "psbt": drafted.psbt,
    }


async def _given(operator: "OperatorPorts", network: str) -> "list[FundedAddress]":
    from feeds.settlement.chains.evm.sweep import FundedAddress
    from persistence.postgres.chains.pay_in import given_addresses

    return [FundedAddress(*one) for one in await given_addresses(operator.database, network)]


async def _transfers(
    chain: "EvmSettings", asset: "EvmAsset", given: "list[FundedAddress]", *, to: str, max_fee: int
) -> "list[Unsigned]":
    from feeds.settlement.chains.evm.sweep import draft_transfers
    from feeds.settlement.chains.rpc import Rpc

    rpc = Rpc(chain.nodes[0])
    try:
        return await draft_transfers(rpc, asset, given, to=to, max_fee=max_fee)
    finally:
        await rpc.close()
