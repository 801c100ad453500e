"""Sweeps as the operator makes them: drafted by the command, signed by the key holder."""

from typing import Any

import msgspec
from bip_utils import Base58Decoder, Base58Encoder, Bip44, Bip44Coins, Bip84, Bip84Coins
from typer.testing import Result

from feeds.settlement.chains.evm.transaction import Transaction, sign
from tests.support.chains.world import SEED, World
from tests.support.clients.command import invoke


def try_sweep(world: World, *arguments: str) -> Result:
    return invoke(
        *("pay-in", "sweep", *arguments),
        data_dir=world.running.data_dir,
        SWAPGATE_CHAINS=str(world.chains_file),
    )


def sweep(world: World, *arguments: str) -> Any:
    done = try_sweep(world, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return msgspec.json.decode(done.stdout)


def make_signer(world: World) -> None:
    """Create a litecoind wallet with the account's private keys, which the service never has."""
    account = Bip84.FromSeed(SEED, Bip84Coins.LITECOIN).Purpose().Coin().Account(0)
    decoded = Base58Decoder.CheckDecode(account.PrivateKey().ToExtended())
    key = Base58Encoder.CheckEncode(bytes.fromhex("04358394") + decoded[4:])
    call = world.litecoind.call
    call("createwallet", "signer", False, True)
    descriptor = f"wpkh({key}/0/*)"
    checksum = call("getdescriptorinfo", descriptor)["checksum"]
    request = {"desc": f"{descriptor}#{checksum}", "range": [0, 20], "timestamp": "now"}
    (done,) = call("importmulti", [request], {"rescan": False}, wallet="signer")
    assert done["success"], done


def send_signed(world: World, transfer: dict[str, Any]) -> None:
    account = Bip44.FromSeed(SEED, Bip44Coins.ETHEREUM).Purpose().Coin().Account(0)
    key = account.Bip32Object().ChildKey(0).ChildKey(transfer["index"])
    names = {
        "chain_id": "chainId",
        "nonce": "nonce",
        "max_priority_fee": "maxPriorityFeePerGas",
        "max_fee": "maxFeePerGas",
        "gas": "gas",
        "value": "value",
    }
    transaction = Transaction(
        **{field: int(transfer[name], 16) for field, name in names.items()},
        to=bytes.fromhex(transfer["to"][2:]),
        data=bytes.fromhex(transfer["data"][2:]),
    )
    raw = sign(transaction, key.PrivateKey().Raw().ToBytes())
    tx_id = world.anvil.call("eth_sendRawTransaction", "0x" + raw.hex())
    world.until(lambda: world.anvil.call("eth_getTransactionReceipt", tx_id))
