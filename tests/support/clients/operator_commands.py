"""All commands of `swapgate`, and an example of each."""

from functools import cache
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

from gateway.cli import main

PROCESSES = {"up", "serve", "rates", "settlement"}
UNKNOWN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
COMMANDS = [
    "partner create --email team@wallet.example",
    "partner list",
    "partner show team@wallet.example",
    "partner set team@wallet.example --budget 500",
    "partner enable team@wallet.example",
    "partner disable team@wallet.example",
    "partner password team@wallet.example",
    "partner second-factor-off team@wallet.example",
    "key create team@wallet.example --scope read",
    "key list team@wallet.example",
    "key label team@wallet.example api-key app",
    "key revoke team@wallet.example api-key",
    "asset list",
    "asset show xmr",
    "asset enable xmr",
    "asset disable xmr",
    "pair list",
    "pair enable btc xmr",
    "pair disable btc xmr",
    "region block kp ir",
    "region allow kp",
    "region list",
    "fee show",
    "fee set Tron 10",
    "spread show",
    "spread set 10",
    "network-fee show",
    "network-fee set btc 0.1",
    "network-fee follow --max-multiple 5",
    "reserve list",
    "reserve show",
    "reserve set btc 2",
    "limits show",
    "limits set --min-usd 2",
    "fixed-rate-terms show",
    "fixed-rate-terms set --premium-bps 10",
    "min-deposit show",
    "min-deposit set btc 0.000002",
    "unpaid-cap show",
    "unpaid-cap set page 50000",
    "fixed-rates on",
    "refunds on",
    "maintenance on",
    "order list",
    f"order show {UNKNOWN_ID}",
    f"order resolve {UNKNOWN_ID} cancel",
    "payout mark-paid team@wallet.example --reference R",
    "payout details team@wallet.example",
    "payout list team@wallet.example",
    "earnings show team@wallet.example",
    "earnings clear team@wallet.example",
    "earnings list team@wallet.example",
    "reconcile",
    "retention",
    f"sandbox deposit {UNKNOWN_ID}",
    f"sandbox confirm {UNKNOWN_ID}",
    "sandbox mail --to team@wallet.example",
    f"sandbox payout {UNKNOWN_ID}",
    f"sandbox expire {UNKNOWN_ID}",
    f"sandbox advance {UNKNOWN_ID} --seconds 60",
    "webhooks list team@wallet.example",
    f"webhooks show {UNKNOWN_ID}",
    f"webhooks replay {UNKNOWN_ID}",
    "webhooks test team@wallet.example",
    "chain list",
    "chain unclaimed",
    "chain resume Litecoin",
    "chain confirmations ltc 6",
    "outflow show",
    "outflow list",
    "outflow cancelled",
    "outflow voided",
    f"outflow void {UNKNOWN_ID} --reason test",
    f"outflow resend {UNKNOWN_ID} --reason test",
    f"outflow close {UNKNOWN_ID} --reason test",
    f"outflow allow {UNKNOWN_ID}",
    f"outflow hold {UNKNOWN_ID} --reason why",
    f"outflow release {UNKNOWN_ID} --reason why",
    f"outflow raise-bound {UNKNOWN_ID} 20 --reason why",
    "outflow on",
    "outflow off",
    "outflow cap 1000",
    "pay-in list",
    "pay-in show Litecoin",
    "pay-in reuse Litecoin",
    "pay-in set Litecoin zpub",
    "pay-in import Solana /dev/null",
    "pay-in restored --reason test",
    "pay-in sweep ltc --to ltc1q",
    "operator list",
    "operator login ana",
    "operator disable ana",
    "operator add ana",
    "audit list",
    f"approve {UNKNOWN_ID}",
    "proposal list",
    f"proposal show {UNKNOWN_ID}",
    f"proposal withdraw {UNKNOWN_ID}",
    "proposal bound 50",
    "deposit list",
    f"deposit refund {'ab' * 32} --to ltc1q",
    f"deposit credit 0x{'ab' * 32} 0x{'ab' * 20} --reason test",
    "deposit credits",
    "key show team@wallet.example",
    "key set team@wallet.example --signature-v2-only",
    "keyring list",
    "keyring rotate",
    "keyring reseal",
]
"""An example of every command that works with the database of an instance."""


@cache
def all_groups() -> dict[str, TyperGroup]:
    """Return the groups of commands by full name; the root's is empty."""
    root = get_command(main)
    assert isinstance(root, TyperGroup)
    return {"": root} | {
        name: command for name, command in root.commands.items() if isinstance(command, TyperGroup)
    }


@cache
def all_commands() -> dict[str, Any]:
    """Return the commands by full name, such as `fee set`."""
    return {
        f"{group} {name}".strip(): command
        for group, commands in all_groups().items()
        for name, command in commands.commands.items()
        if not isinstance(command, TyperGroup)
    }


def name_of(example: str) -> str:
    """Return the name of the command that an example runs."""
    return max((name for name in all_commands() if f"{example} ".startswith(f"{name} ")), key=len)
