"""The Cosmos Hub: addresses in bech32 with an optional memo."""

from functools import partial
from typing import Final

from bip_utils import AtomAddrDecoder, AtomAddrEncoder

from domain.chains.network import AccountForm, Network, TagForm, is_text
from domain.chains.pay_in import AccountKind

PREFIX: Final = "cosmos"
MAX_MEMO_LENGTH: Final = 256

NETWORKS: Final = (
    Network(
        name="Cosmos",
        chain="cosmos",
        coin="ATOM",
        confirmations=1,
        explorer="https://www.mintscan.io/cosmos/tx/{}",
        block_ms=6_000,
        bech32_prefixes=(f"{PREFIX}1",),
        address_forms=(partial(AtomAddrDecoder.DecodeAddr, hrp=PREFIX),),
        accounts=(
            AccountForm(
                kind=AccountKind.ONE_ADDRESS,
                encode=partial(AtomAddrEncoder.EncodeKey, hrp=PREFIX),
            ),
        ),
        tag=TagForm("Memo", lambda tag: is_text(tag, max_length=MAX_MEMO_LENGTH)),
    ),
)
