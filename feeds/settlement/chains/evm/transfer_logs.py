"""Transfers of tokens by their events: what a contract logged, not what its receipt's status says.

A contract may fail silently: its transaction succeeds, and it moves nothing. ERC-20 requires an
event for every transfer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

TRANSFER: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""The first topic of ERC-20's event Transfer(address,address,uint256): its Keccak-256."""

_WORD = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


class TokenTransfer(msgspec.Struct, frozen=True):
    """A transfer that a contract logged; addresses in lower case, `amount` in the token's units."""

    tx_id: str
    contract: str
    sender: str
    recipient: str
    amount: int


def token_transfers(logs: Iterable[Mapping[str, Any]]) -> Iterator[TokenTransfer]:
    """Yield the Transfer events of ERC-20 among logs, of any contract.

    Events of another form are skipped: those of ERC-721 have a fourth topic and no data.
    """
    for log in logs:
        topics = log["topics"]
        if len(topics) != 3 or topics[0] != TRANSFER or log.get("removed"):
            continue
        if not all(_WORD.fullmatch(word) for word in (topics[1], topics[2], log["data"])):
            continue
        yield TokenTransfer(
            log["transactionHash"],
            log["address"].lower(),
            "0x" + topics[1][-40:],
            "0x" + topics[2][-40:],
            int(log["data"], 16),
        )
