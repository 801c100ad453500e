"""A running service on real nodes: Litecoin on litecoind, Ethereum and a token on anvil."""

import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psycopg
import pytest
from bip_utils import (
    Bip44,
    Bip44Coins,
    Bip84,
    Bip84Coins,
)

from domain.chains.networks.evm import checksummed
from feeds.settlement.chains.evm.transaction import address_of_key
from tests.conftest import Running, free_port, start_up, stop
from tests.support.chains.node_proxy import NodeProxy
from tests.support.chains.nodes import (
    ANVIL,
    Anvil,
    Litecoind,
    main_address,
)
from tests.support.chains.swap import Swap
from tests.support.clients.partner import Partner
from tests.support.waiting import wait_until

T = TypeVar("T")

MISSING = [
    name
    for name, there in (
        ("anvil (make assets)", ANVIL.exists()),
        ("litecoind (make .venv/.debian, as root)", shutil.which("litecoind") is not None),
    )
    if not there
]
needs_nodes = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

SEED = bytes(range(32))
DEADLINE = 60
ETHER = 10**18

CHAINS = """
[Ethereum]
kind = "evm"
test_network = "anvil"
nodes = ["{evm}", "{evm_second}"]
{holder}
max_fee_gwei = {max_fee_gwei}
raise_fee_after_seconds = {raise_fee_after}
vanish_after_seconds = 2
[Ethereum.assets]
eth = {{ decimals = 18 }}
usdt_erc20 = {{ decimals = 6, contract = "{token}" }}
usdc_erc20 = {{ decimals = 6, contract = "{other}" }}

[Litecoin]
kind = "bitcoin"
test_network = "regtest"
nodes = ["{litecoin}", "{litecoin_second}"]
asset = "ltc"
wallet = "hot"
max_fee = "{max_fee}"
raise_fee_after_seconds = {raise_fee_after}
vanish_after_seconds = 2
"""

SIGNER = """#!{python} -IS
import json, os, sys, time, urllib.request
draft = json.load(sys.stdin)
if os.path.exists("{hold}"):
    open("{hold}.held", "w").close()
    while os.path.exists("{hold}"):
        time.sleep(0.01)
call = json.dumps({{"jsonrpc": "2.0", "id": 1, "method": "eth_signTransaction", "params": [draft]}})
request = urllib.request.Request("{url}", call.encode(), {{"Content-Type": "application/json"}})
print(json.dumps({{"raw": json.load(urllib.request.urlopen(request))["result"]}}))
"""
"""An independent signer: anvil signs for one of its own accounts. It waits while a file exists."""


class Tuning(msgspec.Struct, frozen=True):
    """Settings that a test module may change."""

    raise_fee_after: float = 300
    max_fee_gwei: int = 500
    max_fee: str = "0.01"


class World:
    """Nodes, a proxy before each use of them, the service, and a partner."""

    def __init__(
        self,
        directory: Path,
        *,
        external_signer: bool = False,
        tuning: Tuning | None = None,
        other_token: bytes | None = None,
    ) -> None:
        """Start everything; if one part fails to start, stop the others.

        `other_token` is the creation code of the second token, USDC; an honest one by default.
        """
        self._directory = directory
        self._other_code = other_token
        self.signer_hold = directory / "hold"
        self.tuning = tuning or Tuning()
        with ExitStack() as stack:
            self._begin(stack, external_signer=external_signer)
            self._stack = stack.pop_all()

    def _begin(self, stack: ExitStack, *, external_signer: bool) -> None:
        directory = self._directory
        self.anvil = Anvil(free_port(), directory, stack)
        self.litecoind = Litecoind(free_port(), directory, stack)
        self.evm, self.evm_second = (NodeProxy(self.anvil, free_port()) for _ in range(2))
        self.ltc, self.ltc_second = (NodeProxy(self.litecoind, free_port()) for _ in range(2))
        self.proxies = (self.evm, self.evm_second, self.ltc, self.ltc_second)
        for proxy in self.proxies:
            stack.callback(proxy.close)
        self.token, self.other_token = self.anvil.deploy(), self.anvil.deploy(self._other_code)
        self._holder = self._signer() if external_signer else self._key_file()
        self.anvil.call("anvil_setBalance", self.hot_address, hex(1_000 * ETHER))
        for token in (self.token, self.other_token):
            self.anvil.send_token(token, self.hot_address, 10**12)
        self.running = self._start()
        stack.callback(stop, self.running)
        self.partner = self._prepare()

    def _key_file(self) -> str:
        key, file = secrets.token_bytes(32), self._directory / "hot.key"
        self.hot_address = checksummed("0x" + address_of_key(key).hex())
        file.write_text(key.hex())
        file.chmod(0o600)
        return f'key_file = "{file}"'

    def _signer(self) -> str:
        command = self._directory / "sign"
        text = SIGNER.format(python=sys.executable, hold=self.signer_hold, url=self.anvil.url)
        command.write_text(text)
        command.chmod(0o700)
        self.hot_address = checksummed(self.anvil.signing_address)
        return f'signer = ["{command}"]\naddress = "{self.hot_address}"'

    def _write_chains(self) -> Path:
        self.chains_file = chains = self._directory / "chains.toml"
        chains.write_text(
            CHAINS.format(
                evm=self.evm.url,
                evm_second=self.evm_second.url,
                litecoin=self.ltc.url,
                litecoin_second=self.ltc_second.url,
                holder=self._holder,
                **msgspec.structs.asdict(self.tuning),
                token=self.token,
                other=self.other_token,
            )
        )
        chains.chmod(0o600)
        return chains

    def _start(self) -> Running:
        environment = {"SWAPGATE_CHAINS": str(self._write_chains()), "SWAPGATE_RATES": "sandbox"}
        return start_up(
            self._directory / "data", "--no-sandbox", "--workers", "1", environment=environment
        )

    def _prepare(self) -> Partner:
        self.operate("pay-in", "set", "litecoin", litecoin_account())
        self.operate("pay-in", "set", "ethereum", ethereum_account())
        for code in ("ltc", "eth", "usdt_erc20", "usdc_erc20"):
            self.operate("chain", "confirmations", code, "2")
        self.operate("refunds", "on")
        created = self.operate("partner", "create", "--email", "chains@example.com")
        self.operate("partner", "set", "chains@example.com", "--budget", "10000000")
        partner = Partner(self.running.base_url, created["apiKey"], created["apiSecret"])
        self.until(lambda: partner.call("/pairs", {}).code == 0)
        self.until(self._has_addresses)
        return partner

    def _has_addresses(self) -> bool:
        free = {one["network"]: one["free"] for one in self.operate("pay-in", "list")}
        return bool(free.get("Litecoin") and free.get("Ethereum"))

    def operate(self, *arguments: str) -> Any:
        return self.running.json(*arguments)

    def open(self, source: str, destination: str, amount: str, **changes: object) -> Swap:
        recipient = (
            main_address(self.litecoind.address("user"))
            if destination == "ltc"
            else checksummed("0x" + secrets.token_hex(20))
        )
        refund = (
            main_address(self.litecoind.address("user"))
            if source == "ltc"
            else self.anvil.other_address
        )
        request = {
            "type": "float",
            "fromCcy": source,
            "toCcy": destination,
            "direction": "from",
            "amount": amount,
            "toAddress": recipient,
            "refundAddress": refund,
            **changes,
        }
        return Swap(self, self.partner.call("/create", request).data)

    def paid_for(self, destination: str) -> Swap:
        """Open an order from Litecoin, and pay it with enough confirmations."""
        swap = self.open("ltc", destination, "2")
        swap.pay_litecoin("2")
        self.litecoind.mine(2)
        return swap

    def until(self, condition: Callable[[], T], *, seconds: float = DEADLINE) -> T:
        return wait_until(condition, seconds=seconds, context=self.log)

    def log(self) -> str:
        return self.full_log()[-1_500:]

    def full_log(self) -> str:
        return (self.running.data_dir / "logs" / "settlement.log").read_text()

    def settlement_pid(self) -> int:
        """Return the process id of settlement, a child of `swapgate up`."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(stat[1]) == self.running.process.pid and b"settlement" in command:
                return int(entry.name)
        return 0

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement as the tables' owner."""
        with psycopg.connect(self._instance()["ownerDatabaseUrl"], autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def _instance(self) -> dict[str, str]:
        instance: dict[str, str] = msgspec.json.decode(
            (self.running.data_dir / "instance.json").read_bytes()
        )
        return instance

    @property
    def valkey_url(self) -> str:
        return self.running.valkey_url()

    def outflow(self, swap: Swap) -> dict[str, Any] | None:
        """Return the outflow of an order; None as long as it is not intended."""
        listed = self.operate("outflow", "list")
        intended = (one for one in listed if one["intended_at"] is not None)
        return next((one for one in intended if one["order_id"] == swap.id), None)

    def wait_held(self, proxy: NodeProxy) -> None:
        assert proxy.held.wait(DEADLINE), self.log()

    def signer_held(self) -> bool:
        return self.signer_hold.with_suffix(".held").exists()

    def kill_settlement(self) -> None:
        os.kill(self.until(self.settlement_pid), signal.SIGKILL)

    @contextmanager
    def settlement_down(self) -> Iterator[None]:
        """Stop settlement during a block, as if it was down, and let it resume."""
        pid = self.until(self.settlement_pid)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def differences(self) -> Any:
        return self.operate("reconcile")["differences"]

    def chain(self, network: str) -> dict[str, Any]:
        (chain,) = (one for one in self.operate("chain", "list") if one["network"] == network)
        return dict(chain)

    def reset(self) -> None:
        """Undo what a test changed: nodes report the truth, chains run, outflows have no cap."""
        for proxy in self.proxies:
            proxy.alter, proxy.is_down = None, False
        self.release()
        self.anvil.call("evm_setAutomine", True)
        for chain in self.operate("chain", "list"):
            if chain["halted"]:
                self.operate("chain", "resume", chain["network"])
        self.operate("outflow", "on")
        self.operate("outflow", "cap", "none")

    def release(self) -> None:
        """Stop holding calls and signatures."""
        for proxy in self.proxies:
            proxy.release()
        for file in (self.signer_hold, self.signer_hold.with_suffix(".held")):
            file.unlink(missing_ok=True)

    def close(self) -> None:
        self._stack.close()


def litecoin_account() -> str:
    """Return the account's public key as a wallet exports it: zpub (SLIP-132)."""
    account = Bip84.FromSeed(SEED, Bip84Coins.LITECOIN).Purpose().Coin().Account(0)
    return str(account.PublicKey().ToExtended())


def ethereum_account() -> str:
    account = Bip44.FromSeed(SEED, Bip44Coins.ETHEREUM).Purpose().Coin().Account(0)
    return str(account.PublicKey().ToExtended())
