"""Drafts what moves coins from pay-in addresses to one: a PSBT for who holds the account's keys."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec
from bip_utils import Base58Decoder, Base58Encoder

from domain.chains.networks.bitcoin import BY_NAME
from domain.chains.pay_in import AccountKind, PayInAccount
from domain.errors import InvalidRequest
from feeds.settlement.addresses.derivation import account_form, checked_account
from feeds.settlement.chains.bitcoin.node import units
from feeds.settlement.chains.bitcoin.scripts import script_of, unsigned
from feeds.settlement.chains.rpc import Rpc

MAX_INPUTS: Final = 500
KVB: Final = 1_000

FORMS: Final[Mapping[AccountKind, tuple[str, int]]] = {
    AccountKind.BIP84: ("wpkh({key}/0/*)", 68),
    AccountKind.BIP49: ("sh(wpkh({key}/0/*))", 91),
}
"""Descriptors of receiving addresses, and how many virtual bytes one spends as an input."""
_OVERHEAD = 11 + 34  # version, counts, lock time; an output of any kind
_VERSIONS = {"main": bytes.fromhex("0488b21e")}
_TEST_VERSION = bytes.fromhex("043587cf")


class CoinSweep(msgspec.Struct, frozen=True, rename="camel"):
    """A transaction of bitcoin's family in base64 (BIP 174), with what signers need to know."""

    inputs: int
    amount: int
    fee: int
    left: int
    """How many coins didn't go in: run it again once this one is confirmed."""
    psbt: str


async def draft_coins(
    rpc: Rpc,
    account: PayInAccount,
    *,
    to: str,
    indices: int,
    fee_rate: Decimal | None,
    origin: str = "",
) -> CoinSweep:
    """Spend all that is confirmed on the first `indices` addresses, the greatest first.

    `fee_rate` is coins a kvB, None for the node's estimate; `origin` is the account's place in its
    wallet, as `d34db33f/84h/2h/0h`. Raises InvalidRequest, NodeUnavailable and NodeRejected.
    """
    form = FORMS.get(account_form(checked_account(account)).kind)
    if form is None:
        raise InvalidRequest(
            f"{account.kind} accounts can't be swept: only segwit ones (BIP 84, 49)"
        )
    chain = (await rpc.call("getblockchaininfo"))["chain"]
    decoded = Base58Decoder.CheckDecode(account.public_key)
    key = Base58Encoder.CheckEncode(_VERSIONS.get(chain, _TEST_VERSION) + decoded[4:])
    described = {
        "desc": form[0].format(key=f"[{origin}]{key}" if origin else key),
        "range": max(indices - 1, 0),
    }
    found = (await rpc.call("scantxoutset", "start", [described]))["unspents"]
    coins = sorted(found, key=lambda one: one["amount"], reverse=True)[:MAX_INPUTS]
    rate = fee_rate if fee_rate is not None else await _estimated(rpc)
    fee = -(-units(rate) * (len(coins) * form[1] + _OVERHEAD) // KVB)
    amount = sum(units(one["amount"]) for one in coins) - fee
    if amount <= fee:
        raise InvalidRequest(f"there is nothing on {account.network} that is worth the fee")
    spent = [(one["txid"], one["vout"]) for one in coins]
    draft = unsigned(script_of(BY_NAME[account.network], to), amount, spent).hex()
    psbt = await rpc.call("converttopsbt", draft)
    psbt = await rpc.call("utxoupdatepsbt", psbt, [described])
    return CoinSweep(len(coins), amount, fee, len(found) - len(coins), psbt)


async def _estimated(rpc: Rpc) -> Decimal:
    found = await rpc.call("estimatesmartfee", 6)
    if "feerate" not in found:
        raise InvalidRequest("the node has no estimate of fees: say --fee-rate")
    return Decimal(found["feerate"])
