"""Only events of ERC-20's form count as transfers of a token."""

from typing import Any

import pytest

from feeds.settlement.chains.evm.transfer_logs import TRANSFER, TokenTransfer, token_transfers

SENDER, RECIPIENT, CONTRACT = "0x" + "aa" * 20, "0x" + "bb" * 20, "0x" + "Cc" * 20


def word(address: str) -> str:
    return "0x" + address[2:].rjust(64, "0")


def log(**changes: Any) -> dict[str, Any]:
    return {
        "transactionHash": "0x01",
        "address": CONTRACT,
        "topics": [TRANSFER, word(SENDER), word(RECIPIENT)],
        "data": f"0x{7:064x}",
        **changes,
    }


def test_an_event_is_a_transfer_from_its_second_to_its_third_topic() -> None:
    expected = TokenTransfer("0x01", CONTRACT.lower(), SENDER, RECIPIENT, 7)
    assert list(token_transfers([log(), log()])) == [expected, expected]


@pytest.mark.parametrize(
    "changes",
    [
        {"topics": []},
        {"topics": [TRANSFER, word(SENDER)]},
        {"topics": ["0x" + "00" * 32, word(SENDER), word(RECIPIENT)]},
        {"topics": [TRANSFER, word(SENDER), word(RECIPIENT), f"0x{7:064x}"], "data": "0x"},
        {"topics": [TRANSFER, word(SENDER), RECIPIENT]},
        {"data": "0x"},
        {"data": "0x07"},
        {"data": f"0x{7:064x}{7:064x}"},
        {"removed": True},
    ],
)
def test_an_event_of_another_form_is_no_transfer(changes: dict[str, Any]) -> None:
    assert list(token_transfers([log(**changes)])) == []
