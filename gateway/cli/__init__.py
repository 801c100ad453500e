"""The operator's command, `swapgate`."""

from importlib.metadata import version
from typing import Annotated

import typer

from gateway.cli.chains import chain, held_outflow, outflow, pay_in, restored, sweep
from gateway.cli.ledger import earnings, payout, reconcile
from gateway.cli.market import (
    asset,
    fee,
    fixed_rates,
    limits,
    pair,
    region,
    reserve,
    switches,
    unpaid,
)
from gateway.cli.operators import audit, keyring, operator, proposal, retention
from gateway.cli.orders import credit, deposit, order, sandbox
from gateway.cli.partners import key, partner
from gateway.cli.processes import doctor, init, processes, up, valkey
from gateway.cli.request import describe_commands
from gateway.cli.root import Root
from gateway.cli.webhooks import events

main = typer.Typer(
    name="swapgate",
    cls=Root,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)


def _print_version(requested: bool) -> None:  # noqa: FBT001  the form of a Typer callback
    if requested:
        typer.echo(f"swapgate {version('swapgate')}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
]


@main.callback()
def options(*, version: Version = False) -> None:
    """Operate the partner side of an instant coin-swap exchange."""


main.command()(up.up)
main.command()(processes.serve)
main.command()(processes.rates)
main.command()(processes.settlement)
main.command()(init.init)
main.command()(processes.migrate)
main.command()(doctor.doctor)
main.command()(reconcile.reconcile)
main.command()(retention.retention)
main.command()(switches.maintenance)
main.command()(switches.refunds)
main.command()(switches.fixed_rates)
main.add_typer(partner.app, name="partner")
main.add_typer(key.app, name="key")
main.add_typer(asset.app, name="asset")
main.add_typer(pair.app, name="pair")
main.add_typer(region.app, name="region")
main.add_typer(fee.fee, name="fee")
main.add_typer(fee.spread, name="spread")
main.add_typer(fee.network_fee, name="network-fee")
main.add_typer(fixed_rates.terms, name="fixed-rate-terms")
main.add_typer(fixed_rates.min_deposit, name="min-deposit")
main.add_typer(limits.app, name="limits")
main.add_typer(unpaid.app, name="unpaid-cap")
main.add_typer(reserve.app, name="reserve")
main.add_typer(order.app, name="order")
main.add_typer(payout.app, name="payout")
pay_in.app.command()(sweep.sweep)
pay_in.app.command()(restored.restored)
deposit.app.command()(credit.credit)
deposit.app.command("credits")(credit.list_requested)
outflow.app.command()(held_outflow.hold)
outflow.app.command()(held_outflow.release)
outflow.app.command("raise-bound")(held_outflow.raise_bound)
main.add_typer(pay_in.app, name="pay-in")
main.add_typer(chain.app, name="chain")
main.add_typer(outflow.app, name="outflow")
main.add_typer(earnings.app, name="earnings")
main.add_typer(sandbox.app, name="sandbox")
main.add_typer(events.app, name="webhooks")
main.add_typer(operator.app, name="operator")
main.add_typer(audit.app, name="audit")
main.command()(proposal.approve)
main.add_typer(proposal.app, name="proposal")
main.add_typer(deposit.app, name="deposit")
main.add_typer(keyring.app, name="keyring")
main.add_typer(valkey.app, name="valkey")
describe_commands(main)
