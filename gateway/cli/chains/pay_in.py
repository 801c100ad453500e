"""`swapgate pay-in`: the accounts and pools that orders get their pay-in addresses from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import InvalidRequest, NotFound
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, group, run
from gateway.cli.output import show
from gateway.settings import Role

if TYPE_CHECKING:
    from domain.chains.pay_in import PayInAccount
    from gateway.wiring.operator import OperatorPorts

app = group("Pay-in addresses: derived from public keys, or imported.")

SHOWN = 3

Network = Annotated[str, typer.Argument(help="A network's name, such as Litecoin.")]
Key = Annotated[
    str,
    typer.Argument(
        help="What the account is known by: an extended public key, or the one address."
    ),
]
Kind = Annotated[
    str | None, typer.Option(help="How addresses come from it, where a network has several ways.")
]
PoolFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Addresses, one a line, that nobody was given yet.")
]


@app.command("list")
def list_accounts(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show each network's account and how many addresses it has free."""
    show(run(Role.ADMIN, data_dir, _list), as_json=as_json)


@app.command("set")
def set_account(
    network: Network,
    key: Key,
    *,
    kind: Kind = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Give a network its account; private keys are refused.

    Shows its first addresses: compare them with your wallet's before anybody pays to them.
    Addresses of an account before that no order has are thrown away.
    """
    show(
        run(Role.ADMIN, data_dir, lambda operator: _set(operator, network, key, kind)),
        as_json=as_json,
    )


@app.command("import")
def import_pool(
    network: Network, file: PoolFile, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Add addresses to the pool of a network that can't derive them."""
    show(
        run(Role.ADMIN, data_dir, lambda operator: _import(operator, network, file)),
        as_json=as_json,
    )


async def _list(operator: "OperatorPorts") -> list[dict[str, Any]]:
    from persistence.postgres.chains.pay_in import FEW, PostgresAddressPool

    pool = PostgresAddressPool(operator.database)
    free = await pool.count_free(at_most=FEW)
    return [
        {
            "network": one.account.network,
            "kind": one.account.kind,
            "nextIndex": one.next_index,
            "free": free.get(one.account.network, 0),
        }
        for one in await pool.accounts()
    ]


async def _set(
    operator: "OperatorPorts", network: str, key: str, kind: str | None
) -> dict[str, Any]:
    from feeds.settlement.addresses.derivation import checked_account, derive
    from persistence.postgres.chains.pay_in import replace_account

    await _check_real(operator)
    account = checked_account(_account(_name_of(network), key, kind))
    first = derive(account, start=0, count=SHOWN)
    await replace_account(operator.database, account)
    return {
        "network": account.network,
        "kind": account.kind,
        "firstAddresses": [
            one.address if one.tag is None else f"{one.address} {one.tag}" for one in first
        ],
    }


async def _import(operator: "OperatorPorts", network: str, file: Path) -> dict[str, Any]:
    from domain.chains.addresses import check_address
    from persistence.postgres.chains.pay_in import import_addresses

    await _check_real(operator)
    name, lines = _name_of(network), _words(file)
    for number, line in enumerate(lines, 1):
        try:
            check_address(name, line)
        except InvalidRequest as error:
            raise Failure(f"address {number} of {file} can't be used: {error}") from None
    added = await import_addresses(operator.database, name, list(dict.fromkeys(lines)))
    return {"network": name, "added": added, "knownBefore": len(lines) - added}


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{file} can't be read: {type(error).__name__}") from None


async def _check_real(operator: "OperatorPorts") -> None:
    from persistence.postgres.market.sandbox import is_sandbox

    if await is_sandbox(operator.database):
        raise Failure("a sandbox's pay-in addresses are made up, and stay so")


def _name_of(text: str) -> str:
    """Return a network's name as we write it; raise NotFound."""
    from domain.chains.networks import NETWORKS

    for name in NETWORKS:
        if name.lower() == text.lower():
            return name
    raise NotFound(f"there is no network {text}")


def _account(network: str, key: str, kind: str | None) -> "PayInAccount":
    from domain.chains.networks import NETWORKS
    from domain.chains.pay_in import PayInAccount

    usual = NETWORKS[network].live_account
    if usual is None:
        raise Failure(f"{network} can't derive addresses: give it a pool by `pay-in import`")
    return PayInAccount(network, kind or usual.kind.value, key)
