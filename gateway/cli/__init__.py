"""The operator's command, `swapgate`."""

import typer

from gateway.cli import processes, up

main = typer.Typer(
    name="swapgate",
    help="The partner side of an instant coin-swap exchange.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

main.command()(up.up)
main.command()(processes.serve)
main.command()(processes.rates)
main.command()(processes.settlement)
main.command()(processes.webhooks)
main.command()(processes.migrate)
