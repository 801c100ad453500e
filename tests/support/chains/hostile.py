"""Hostile recipients and tokens as hand-assembled bytecode; hostile.sol is their source."""

from tests.support.chains.erc20 import RUNTIME, SUPPLY_TO_DEPLOYER, assemble, deployment

LOOP = ":loop 0x01 SWAP1 SUB DUP1 @loop JUMPI STOP"
"""26 gas for each iteration of the counter on the stack."""

BURNER = f"0x0caa30 {LOOP}"
EXPENSIVE_WALLET = f"0x05dc {LOOP}"
TWO_FACED = ":again GASPRICE @again JUMPI STOP"
REVERTER = "0x00 0x00 REVERT"
RETURN_BOMB = "0x100000 0x00 RETURN"
REVERT_BOMB = "0x4000 0x00 REVERT"
SELF_DESTRUCTING = "0xdead SELFDESTRUCT"
PROXY = "0x00 0x00 0x00 0x00 {target} GAS DELEGATECALL @ok JUMPI 0x00 0x00 REVERT :ok STOP"
FALSE_TOKEN = "0x00 0x00 MSTORE 0x20 0x00 RETURN"
LYING_TOKEN = "0x01 0x00 MSTORE 0x20 0x00 RETURN"

MODES = 1 << 160
"""Where the storage of a refusing token holds the modes of recipients, above all balances."""
HONEST, RETURNS_FALSE, RETURNS_TRUE, TWO_FACED_MODE = range(4)
REFUSING = f"""
:transfer 0x04 CALLDATALOAD 0x{MODES:042x} ADD SLOAD
  DUP1 0x{TWO_FACED_MODE:02x} EQ @twofaced JUMPI
  DUP1 @refuse JUMPI
:honest
"""
REFUSALS = """
:refuse 0x01 SWAP1 SUB 0x00 MSTORE 0x20 0x00 RETURN
:twofaced GASPRICE @lie JUMPI 0x01 @honest JUMPI
:lie 0x01 0x00 MSTORE 0x20 0x00 RETURN
"""
REFUSING_TOKEN = RUNTIME.replace(":transfer", REFUSING) + REFUSALS
"""Honest to all recipients but those with a mode, to whom it moves nothing."""

SELF_DESTRUCTED = assemble("CALLER SELFDESTRUCT")
"""Creation code that leaves an address without code."""


def contract(text: str) -> bytes:
    """Return code that deploys a contract."""
    return deployment(assemble(text))


def proxy_to(target: str) -> bytes:
    """Return code that deploys a proxy of a contract."""
    return contract(PROXY.format(target=target.lower()))


def refusing_token_code() -> bytes:
    """Return code that deploys a refusing token."""
    return deployment(assemble(REFUSING_TOKEN), before=SUPPLY_TO_DEPLOYER)


def mode_slot(recipient: str) -> str:
    """Return the storage slot of a recipient's mode in a refusing token."""
    return hex(MODES + int(recipient, 16))
