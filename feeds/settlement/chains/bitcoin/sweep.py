"""Drafts a transaction that sweeps pay-ins of a segwit account: a PSBT for its key holder."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec
from bip_utils import Base58Decoder, Base58Encoder

from domain.chains.networks.bitcoin import BY_NAME
from domain.chains.pay_in import AccountKind, PayInAccount
from domain.errors import InvalidCommand
from domain.money import format_units
from feeds.settlement.addresses.derivation import account_form, checked_account
from feeds.settlement.chains.bitcoin.node import units
from feeds.settlement.chains.bitcoin.scripts import script_of, unsigned
from feeds.settlement.chains.bitcoin.settings import BitcoinSettings
from feeds.settlement.chains.interface import Chain, SweepRequest
from feeds.settlement.chains.rpc import Rpc

MAX_INPUTS: Final = 500
KVB: Final = 1_000
ESTIMATE_BLOCKS: Final = 6

DESCRIPTORS: Final[Mapping[AccountKind, tuple[str, int]]] = {
    AccountKind.BIP84: ("wpkh({key}/0/*)", 68),
    AccountKind.BIP49: ("sh(wpkh({key}/0/*))", 91),
}
"""Descriptors of receiving addresses, and how many virtual bytes an input of theirs takes."""
_OVERHEAD = 11 + 34  # version, counts, lock time; an output of any kind
_MAINNET_VERSION = bytes.fromhex("0488b21e")
_TESTNET_VERSION = bytes.fromhex("043587cf")


class CoinSweep(msgspec.Struct, frozen=True):
    """An unsigned transaction in base64 (BIP 174); amounts in coins.

    `left` is how many outputs it does not spend: sweep again once this one is confirmed.
    """

    asset: str
    inputs: int
    left: int
    amount: str
    fee: str
    psbt: str


async def draft_sweep(rpc: Rpc, chain: Chain[BitcoinSettings], request: SweepRequest) -> CoinSweep:
    """Spend all confirmed outputs on the account's derived addresses, the largest first.

    Raises InvalidCommand, NodeUnavailable and NodeRejected.
    """
    options = request.options
    fee_rate = _fee_rate(options.fee_rate or chain.settings.fee_rate)
    stored = await request.assigned.account(chain.network.name)
    account, asset = checked_account(stored.account), request.asset
    known = DESCRIPTORS.get(account_form(account).kind)
    if known is None:
        raise InvalidCommand(
            f"{account.kind} accounts cannot be swept, only segwit ones (BIP 84, 49)"
        )
    descriptor, input_size = known
    key = await _descriptor_key(rpc, account)
    described = {
        "desc": descriptor.format(key=f"[{options.origin}]{key}" if options.origin else key),
        "range": max(stored.next_index - 1, 0),
    }
    unspent = (await rpc.call("scantxoutset", "start", [described]))["unspents"]
    coins = sorted(unspent, key=lambda coin: coin["amount"], reverse=True)[:MAX_INPUTS]
    rate = fee_rate if fee_rate is not None else await _estimated(rpc)
    fee = -(-units(rate) * (len(coins) * input_size + _OVERHEAD) // KVB)
    amount = sum(units(coin["amount"]) for coin in coins) - fee
    if amount <= fee:
        raise InvalidCommand(f"nothing on {account.network} is worth the fee of sweeping it")
    spent = [(coin["txid"], coin["vout"]) for coin in coins]
    draft = unsigned(script_of(BY_NAME[account.network], options.to), amount, spent).hex()
    psbt = await rpc.call("converttopsbt", draft)
    psbt = await rpc.call("utxoupdatepsbt", psbt, [described])
    return CoinSweep(
        asset=asset.code,
        inputs=len(coins),
        left=len(unspent) - len(coins),
        amount=format_units(amount, asset.precision),
        fee=format_units(fee, asset.precision),
        psbt=psbt,
    )


def _fee_rate(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        rate = Decimal(text)
        is_valid = 0 < rate < 1
    except InvalidOperation:
        is_valid = False
    if not is_valid:
        raise InvalidCommand("a fee rate is in coins per kvB, such as 0.0001")
    return rate


async def _descriptor_key(rpc: Rpc, account: PayInAccount) -> str:
    """Return the account's key as descriptors of the node's chain write it: xpub or tpub."""
    chain = (await rpc.call("getblockchaininfo"))["chain"]
    version = _MAINNET_VERSION if chain == "main" else _TESTNET_VERSION
    decoded = Base58Decoder.CheckDecode(account.public_key)
    return str(Base58Encoder.CheckEncode(version + decoded[4:]))


async def _estimated(rpc: Rpc) -> Decimal:
    estimate: dict[str, Any] = await rpc.call("estimatesmartfee", ESTIMATE_BLOCKS)
    if "feerate" not in estimate:
        raise InvalidCommand("the node cannot estimate fees: set --fee-rate")
    return Decimal(estimate["feerate"])
