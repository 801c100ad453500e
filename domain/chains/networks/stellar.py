"""Stellar: accounts in StrKey form with an optional text memo."""

from functools import partial
from typing import Final

from bip_utils import XlmAddrDecoder, XlmAddrEncoder, XlmAddrTypes

from domain.chains.network import AccountForm, Curve, Network, TagForm, is_text
from domain.chains.pay_in import AccountKind

MAX_MEMO_BYTES: Final = 28
MIN_BALANCE: Final = 100_000_000
"""1 XLM, two base reserves of 0.5 XLM: an account is not created with less (CreateAccount)."""


def _is_memo(tag: str) -> bool:
    return is_text(tag, max_length=MAX_MEMO_BYTES) and len(tag.encode()) <= MAX_MEMO_BYTES


NETWORKS: Final = (
    Network(
        name="Stellar",
        chain="stellar",
        coin="XLM",
        confirmations=1,
        explorer="https://stellar.expert/explorer/public/tx/{}",
        block_ms=6_000,
        address_forms=(partial(XlmAddrDecoder.DecodeAddr, addr_type=XlmAddrTypes.PUB_KEY),),
        accounts=(
            AccountForm(
                kind=AccountKind.ONE_ADDRESS,
                encode=partial(XlmAddrEncoder.EncodeKey, addr_type=XlmAddrTypes.PUB_KEY),
                curve=Curve.ED25519,
            ),
        ),
        tag=TagForm("Memo", _is_memo),
        dust_limit=MIN_BALANCE,
    ),
)
