"""Real nodes for tests: anvil, and litecoind in regtest."""

import base64
import json
import shutil
import subprocess
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from bip_utils import SegwitBech32Decoder, SegwitBech32Encoder

from tests.support.chains.erc20 import creation_code
from tests.support.waiting import wait_until

ANVIL = next(
    Path(__file__).parents[3].glob("node_modules/@foundry-rs/anvil-*/bin/anvil"), Path("anvil")
)
USER = "tests"
NEVER = 4_000_000_000
"""When MWEB activates: litecoind mines no block of its activation (at 432) without a peg-in."""


def post(url: str, body: bytes, *, user: bool) -> bytes:
    request = Request(url, data=body, headers={"Content-Type": "application/json"})
    if user:
        pair = base64.b64encode(f"{USER}:{USER}".encode()).decode()
        request.add_header("Authorization", f"Basic {pair}")
    try:
        with urlopen(request, timeout=30) as response:
            return bytes(response.read())
    except HTTPError as error:
        with error:
            return error.read()


class NodeProcess:
    """A node that is called by JSON-RPC."""

    user = False

    def __init__(self, arguments: list[str], port: int, log: Path, started: ExitStack) -> None:
        self.url = f"http://127.0.0.1:{port}"
        with log.open("ab") as output:
            self.process = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT)
        started.callback(self.stop)

    def wait(self, method: str) -> None:
        wait_until(lambda: self.is_ready(method) or self.process.poll() is not None)
        assert self.process.poll() is None

    def is_ready(self, method: str) -> bool:
        try:
            self.call(method)
        except (OSError, AssertionError):
            return False
        return True

    def call(self, method: str, *parameters: object, wallet: str | None = None) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        path = f"{self.url}/wallet/{wallet}" if wallet else self.url
        response = json.loads(post(path, body.encode(), user=self.user), parse_float=Decimal)
        assert not response.get("error"), response["error"]
        return response["result"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


class Anvil(NodeProcess):
    """A chain that mines each transaction a moment after it is sent, and more blocks on request."""

    def __init__(
        self, port: int, directory: Path, started: ExitStack, *, chain_id: int = 31337
    ) -> None:
        arguments = [
            *(str(ANVIL), "--port", str(port), "--silent", "--accounts", "3"),
            *("--chain-id", str(chain_id)),
        ]
        super().__init__(arguments, port, directory / "anvil.log", started)
        self.wait("eth_chainId")
        self.user_address, self.other_address, self.signing_address = self.call("eth_accounts")

    def mine(self, blocks: int = 1) -> None:
        self.call("anvil_mine", hex(blocks))

    def reorganize(self, blocks: int) -> None:
        """Replace the newest blocks by as many others, without their transactions."""
        self.call("anvil_reorg", blocks, [])

    def send(self, to: str, wei: int, data: bytes = b"", *, sender: str | None = None) -> str:
        """Send a transaction and return its id; `receipt` waits until it is mined."""
        call = {
            "from": sender or self.user_address,
            "to": to,
            "value": hex(wei),
            "data": "0x" + data.hex(),
        }
        return str(self.call("eth_sendTransaction", call))

    def deploy(self, code: bytes | None = None) -> str:
        """Deploy a contract, by default a token; return its address."""
        call = {"from": self.user_address, "data": "0x" + (code or creation_code()).hex()}
        tx_id = self.call("eth_sendTransaction", call)
        receipt = self.receipt(tx_id)
        assert receipt["status"] == "0x1"
        return str(receipt["contractAddress"])

    def receipt(self, tx_id: str) -> dict[str, Any]:
        """Return a transaction's receipt once it is mined."""
        receipt = wait_until(lambda: self.call("eth_getTransactionReceipt", tx_id))
        return dict(receipt)

    def send_token(self, token: str, to: str, amount: int, *, sender: str | None = None) -> str:
        words = bytes.fromhex(to[2:]).rjust(32, b"\0") + amount.to_bytes(32, "big")
        return self.send(token, 0, bytes.fromhex("a9059cbb") + words, sender=sender)

    def set_token_balance(self, token: str, address: str, amount: int) -> None:
        place, value = (f"0x{int(one):064x}" for one in (int(address, 16), amount))
        self.call("anvil_setStorageAt", token, place, value)

    def balance(self, address: str) -> int:
        return int(self.call("eth_getBalance", address, "latest"), 16)

    def token_balance(self, token: str, address: str) -> int:
        data = "0x70a08231" + bytes.fromhex(address[2:]).rjust(32, b"\0").hex()
        return int(self.call("eth_call", {"to": token, "data": data}, "latest"), 16)


class Litecoind(NodeProcess):
    """A regtest chain with the wallets `user` and `hot`."""

    user = True

    def __init__(self, port: int, directory: Path, started: ExitStack) -> None:
        data = directory / "litecoin"
        data.mkdir()
        program = shutil.which("litecoind")
        assert program is not None
        arguments = [
            *(program, "-regtest", f"-datadir={data}", f"-rpcport={port}", "-listen=0"),
            *("-txindex=1", "-fallbackfee=0.0001", f"-rpcuser={USER}", f"-rpcpassword={USER}"),
            *(
                "-walletrbf=1",
                "-mempoolreplacement=1",
                "-rpcworkqueue=64",
                "-keypool=5",
                "-persistmempool=0",
                f"-vbparams=mweb:{NEVER}:{NEVER}",
            ),
        ]
        super().__init__(arguments, port, directory / "litecoind.log", started)
        self.wait("getblockcount")
        for wallet in ("user", "hot"):
            self.call("createwallet", wallet)
        self.mine(103)
        self.pay("user", self.address("hot"), "100")
        self.mine()

    def mine(self, blocks: int = 1) -> None:
        """Mine to a new address: a block equal to an invalidated one would be rejected."""
        self.call("generatetoaddress", blocks, self.address("user"))

    def invalidate_block_of(self, tx_id: str) -> None:
        """Remove the block of a transaction from the chain, and all that follow it."""
        transaction = self.call("getrawtransaction", tx_id, True)
        self.call("invalidateblock", transaction["blockhash"])

    def double_spend(self, tx_id: str) -> None:
        """Spend a transaction's inputs in another one, to the user's wallet, at a higher fee."""
        spent = self.call("getrawtransaction", tx_id, True)
        inputs = [
            {"txid": one["txid"], "vout": one["vout"], "sequence": 0xFFFFFFFD}
            for one in spent["vin"]
        ]
        total = sum(Decimal(one["value"]) for one in spent["vout"])
        outputs = [{self.address("user"): str(total - Decimal("0.01"))}]
        raw = self.call("createrawtransaction", inputs, outputs)
        signed = self.call("signrawtransactionwithwallet", raw, wallet="user")
        self.call("sendrawtransaction", signed["hex"])

    def address(self, wallet: str) -> str:
        return str(self.call("getnewaddress", "", "bech32", wallet=wallet))

    def pay(self, wallet: str, address: str, amount: str) -> str:
        return str(self.call("sendtoaddress", address, amount, wallet=wallet))

    def received(self, address: str) -> Decimal:
        return Decimal(self.call("getreceivedbyaddress", address, 0, wallet="user"))


def main_address(address: str) -> str:
    """Return the mainnet form of a regtest address: the same witness program."""
    version, program = SegwitBech32Decoder.Decode("rltc", address)
    return str(SegwitBech32Encoder.Encode("ltc", version, program))


def regtest_address(address: str) -> str:
    version, program = SegwitBech32Decoder.Decode("ltc", address)
    return str(SegwitBech32Encoder.Encode("rltc", version, program))
