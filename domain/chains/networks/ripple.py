"""The XRP Ledger: classic addresses with an optional destination tag."""

import re
from typing import Final

from bip_utils import XrpAddrDecoder, XrpAddrEncoder

from domain.chains.network import AccountForm, Network, TagForm
from domain.chains.pay_in import AccountKind

ACCOUNT_RESERVE: Final = 100_000_000
"""1 XRP: a payment of less creates no account (xrpl.org, Reserves; tecNO_DST_INSUF_XRP)."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


def _is_destination_tag(tag: str) -> bool:
    """Return whether a tag is an unsigned number of 32 bits, without leading zeros."""
    return _NUMBER.fullmatch(tag) is not None and int(tag) < 2**32


NETWORKS: Final = (
    Network(
        name="XRP Ledger",
        chain="xrpledger",
        coin="XRP",
        confirmations=1,
        explorer="https://xrpscan.com/tx/{}",
        block_ms=4_000,
        # X-addresses are not accepted: they contain a tag of their own.
        address_forms=(XrpAddrDecoder.DecodeAddr,),
        accounts=(AccountForm(kind=AccountKind.ONE_ADDRESS, encode=XrpAddrEncoder.EncodeKey),),
        tag=TagForm("Destination tag", _is_destination_tag),
        dust_limit=ACCOUNT_RESERVE,
    ),
)
