"""An ERC-20 token as hand-assembled bytecode; erc20.sol is its source."""

TRANSFER = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
SUPPLY = 10**15
SUPPLY_TO_DEPLOYER = f"0x{SUPPLY:016x} CALLER SSTORE"

OPCODES = {
    "STOP": 0x00, "ADD": 0x01, "SUB": 0x03, "LT": 0x10, "EQ": 0x14, "SHR": 0x1C, "CALLER": 0x33,
    "CALLVALUE": 0x34, "CALLDATALOAD": 0x35, "CALLDATACOPY": 0x37, "CODECOPY": 0x39,
    "GASPRICE": 0x3A, "MSTORE": 0x52, "SLOAD": 0x54, "SSTORE": 0x55,
    "JUMPI": 0x57, "JUMPDEST": 0x5B, "DUP1": 0x80, "DUP2": 0x81, "SWAP1": 0x90, "LOG3": 0xA3,
    "GAS": 0x5A, "CALL": 0xF1, "RETURN": 0xF3, "DELEGATECALL": 0xF4, "REVERT": 0xFD,
    "SELFDESTRUCT": 0xFF,
}  # fmt: skip

RUNTIME = f"""
  0x00 CALLDATALOAD 0xe0 SHR
  DUP1 0x313ce567 EQ @decimals JUMPI
  DUP1 0x70a08231 EQ @balance JUMPI
  0xa9059cbb EQ @transfer JUMPI
:fail 0x00 0x00 REVERT
:decimals 0x06 0x00 MSTORE 0x20 0x00 RETURN
:balance 0x04 CALLDATALOAD SLOAD 0x00 MSTORE 0x20 0x00 RETURN
:transfer
  0x24 CALLDATALOAD CALLER SLOAD
  DUP2 DUP2 LT @fail JUMPI
  DUP2 SWAP1 SUB CALLER SSTORE
  0x04 CALLDATALOAD
  DUP2 DUP2 SLOAD ADD DUP2 SSTORE
  DUP2 0x00 MSTORE
  CALLER 0x{TRANSFER} 0x20 0x00 LOG3
  0x01 0x00 MSTORE 0x20 0x00 RETURN
"""


def assemble(text: str) -> bytes:
    """Return bytecode: `0x..` pushes a value, `@name` a label's offset, `:name` is the label."""
    code, labels, uses = bytearray(), dict[str, int](), list[tuple[int, str]]()
    for word in text.split():
        if word.startswith("0x"):
            value = bytes.fromhex(word[2:])
            code += bytes((0x5F + len(value),)) + value
        elif word.startswith("@"):
            uses.append((len(code) + 1, word[1:]))
            code += b"\x61\x00\x00"
        elif word.startswith(":"):
            labels[word[1:]] = len(code)
            code.append(OPCODES["JUMPDEST"])
        else:
            code.append(OPCODES[word])
    for place, label in uses:
        code[place : place + 2] = labels[label].to_bytes(2, "big")
    return bytes(code)


def creation_code() -> bytes:
    """Return code that deploys the token and assigns the whole supply to the deployer."""
    return deployment(assemble(RUNTIME), before=SUPPLY_TO_DEPLOYER)


def deployment(runtime: bytes, *, before: str = "") -> bytes:
    """Return code that deploys a contract, after some instructions of its constructor."""
    size = f"0x{len(runtime):04x}"
    start = f"{before} {size} 0x%04x 0x00 CODECOPY {size} 0x00 RETURN"
    length = len(assemble(start % 0))
    return assemble(start % length) + runtime
