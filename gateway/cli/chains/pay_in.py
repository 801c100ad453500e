"""`swapgate pay-in`: the accounts and pools that orders get their pay-in addresses from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, Reason, group, read, run
from gateway.cli.market.switches import To, Turn
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from domain.actions.operator.pay_in import ListedAccount

app = group("Pay-in addresses: derived from public keys, or imported.")

Network = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A network's name, such as Litecoin.")
]
Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="An extended public key, or the one address of the account."
    ),
]
Kind = Annotated[
    str | None, typer.Option(help="Kind of account, for a network that supports several.")
]
PoolFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Unused addresses, separated by white space.")
]

Retired = Annotated[
    bool, typer.Option("--retired", help="They are watched and never assigned: after a restore.")
]


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List each network's account and how many addresses it has free."""
    from domain.actions.operator.pay_in import list_accounts

    found = read(Role.ADMIN, data_dir, lambda ports: list_accounts(ports.pay_in()))
    show([_listed_out(one) for one in found], as_json=as_json)


@app.command("show")
def show_one(network: Network, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show a network's account; its key may see all payments, so only its kind is shown."""
    from domain.actions.operator.pay_in import show_account

    found = read(Role.ADMIN, data_dir, lambda ports: show_account(ports.pay_in(), network))
    show(_listed_out(found), as_json=as_json)


@app.command("set")
def set_new_account(
    network: Network,
    key: Key,
    *,
    kind: Kind = None,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set a network's account; private keys are rejected.

    Shows its first addresses: compare them with your wallet before anyone pays to them. Free
    addresses of the previous account are dropped.
    """
    from domain.actions.operator.pay_in import set_account, show_account

    account, first = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_account(ports.pay_in(), network, key, kind=kind),
        reason=reason,
        state=lambda ports: show_account(ports.pay_in(), network),
    )
    addresses = [one.address if one.tag is None else f"{one.address} {one.tag}" for one in first]
    document = {"network": account.network, "kind": account.kind, "firstAddresses": addresses}
    show(document, as_json=as_json)


@app.command()
def reuse(
    network: Network,
    to: To = Turn.SHOW,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Reuse addresses of orders that were never paid, 90 days after their end, or show whether.

    Off by default. A payment that may be meant for an earlier order of an address is for you to
    decide: `swapgate deposit list`. Without reuse, orders get such addresses back at once.
    """
    from domain.actions.operator.pay_in import set_reuse, show_account

    if to is not Turn.SHOW:
        run(
            Role.ADMIN,
            data_dir,
            lambda ports: set_reuse(ports.pay_in(), network, allowed=to is Turn.ON),
            reason=reason,
            state=lambda ports: show_account(ports.pay_in(), network),
        )
    found = read(Role.ADMIN, data_dir, lambda ports: show_account(ports.pay_in(), network))
    show({"network": found.account.network, "reuse": found.reuse}, as_json=as_json)


@app.command("import")
def import_pool(
    network: Network,
    file: PoolFile,
    *,
    retired: Retired = False,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Add addresses to the pool of a network that cannot derive them."""
    from domain.actions.operator.pay_in import import_addresses, show_account

    try:
        addresses = file.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"the file {file} cannot be read: {type(error).__name__}") from None
    pool = run(
        Role.ADMIN,
        data_dir,
        lambda ports: import_addresses(ports.pay_in(), network, addresses, retired=retired),
        reason=reason,
        state=lambda ports: show_account(ports.pay_in(), network),
    )
    document = {"network": pool.network, "added": pool.added, "knownBefore": pool.known_before}
    show(document, as_json=as_json)


def _listed_out(listed: "ListedAccount") -> dict[str, Any]:
    return {
        "network": listed.account.network,
        "kind": listed.account.kind,
        "nextIndex": listed.next_index,
        "free": listed.free,
        "reuse": listed.reuse,
    }
