"""Contracts that send coins on inside of a call; forwarders.sol is their source.

Each is called with the address to pay as its first argument, and with the coins.
"""

from tests.support.chains.hostile import contract

PAY = "0x00 0x00 0x00 0x00 CALLVALUE 0x04 CALLDATALOAD GAS CALL"
"""Send the coins of this call to the argument; leave whether that succeeded on the stack."""

FORWARDER = contract(f"{PAY} @ok JUMPI 0x00 0x00 REVERT :ok STOP")
SELF_DESTRUCTING_FORWARDER = contract("0x04 CALLDATALOAD SELFDESTRUCT")
DELEGATING = """
  0x24 0x00 0x00 CALLDATACOPY
  0x00 0x00 0x24 0x00 {target} GAS DELEGATECALL @ok JUMPI 0x00 0x00 REVERT :ok STOP
"""
REVERTED_FORWARDER = """
  0x24 0x00 0x00 CALLDATACOPY
  0x00 0x00 0x24 0x00 CALLVALUE {target} GAS CALL STOP
"""
"""Calls a contract that forwards and then reverts, and succeeds itself."""

FORWARDS_AND_REVERTS = contract(f"{PAY} 0x00 0x00 REVERT")
KEEPS = contract("STOP")


def pay_call(address: str) -> bytes:
    """Return the data of a call with an address as its argument: pay(address)."""
    return bytes.fromhex("0c11dedd") + bytes.fromhex(address[2:]).rjust(32, b"\0")


def calling(text: str, target: str) -> bytes:
    """Return code that deploys a contract that calls another one."""
    return contract(text.format(target=target.lower()))
