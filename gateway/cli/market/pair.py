"""`swapgate pair`: which pairs can be swapped."""

from pathlib import Path
from typing import Annotated

import typer

from domain.actions.operator.market.pairs import list_pairs, set_pair_enabled, show_pair
from domain.money import format_usd
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, group, read, run
from gateway.cli.output import show
from gateway.instance import Role

app = group("List pairs, enable and disable them.")

Source = Annotated[str, typer.Argument(metavar="FROM", help="Code of the asset received.")]
Destination = Annotated[str, typer.Argument(metavar="TO", help="Code of the asset paid out.")]


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List all pairs.

    `enabled` is the pair's own switch; an `active` pair and both its assets are enabled.
    """
    found = read(Role.ADMIN, data_dir, lambda ports: list_pairs(ports.market()))
    pairs = [
        {
            "from": pair.source,
            "to": pair.destination,
            "enabled": pair.enabled,
            "active": pair.active,
            "minUsd": format_usd(pair.bounds.min_usd),
            "maxUsd": format_usd(pair.bounds.max_usd),
        }
        for pair in found
    ]
    show(pairs, as_json=as_json)


@app.command()
def enable(
    source: Source,
    destination: Destination,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Accept swaps of a pair."""
    pair = (source.lower(), destination.lower())
    _switch(pair, data_dir, reason=reason, enabled=True, as_json=as_json)


@app.command()
def disable(
    source: Source,
    destination: Destination,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Reject new swaps of a pair; open orders continue."""
    pair = (source.lower(), destination.lower())
    _switch(pair, data_dir, reason=reason, enabled=False, as_json=as_json)


def _switch(
    pair: tuple[str, str], data_dir: Path, *, reason: str, enabled: bool, as_json: bool
) -> None:
    run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_pair_enabled(ports.market(), pair, enabled=enabled),
        subject=" ".join(pair),
        reason=reason,
        state=lambda ports: show_pair(ports.market(), pair),
    )
    source, destination = pair
    show({"from": source, "to": destination, "enabled": enabled}, as_json=as_json)
