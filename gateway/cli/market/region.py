"""`swapgate region`: where swaps are not offered."""

from pathlib import Path
from typing import Annotated

import typer

from domain.actions.operator.market.regions import list_blocked_regions, set_regions_blocked
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, group, read, run
from gateway.cli.output import show
from gateway.instance import Role

app = group("Regions where swaps are not offered: block, allow and list them.")

Regions = Annotated[
    list[str],
    typer.Argument(metavar="CODE...", help="ISO 3166-1 alpha-2 codes, such as KP."),
]


@app.command()
def block(
    regions: Regions,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Reject quotes that name one of these regions."""
    _set(regions, data_dir, reason=reason, blocked=True, as_json=as_json)


@app.command()
def allow(
    regions: Regions,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Offer swaps in these regions again."""
    _set(regions, data_dir, reason=reason, blocked=False, as_json=as_json)


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List the blocked regions."""
    blocked = read(Role.ADMIN, data_dir, lambda ports: list_blocked_regions(ports.market()))
    show([{"region": region} for region in blocked], as_json=as_json)


def _set(regions: list[str], data_dir: Path, *, reason: str, blocked: bool, as_json: bool) -> None:
    codes = [region.upper() for region in regions]
    remaining = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_regions_blocked(ports.market(), codes, blocked=blocked),
        subject=" ".join(codes),
        reason=reason,
        state=lambda ports: list_blocked_regions(ports.market()),
    )
    show([{"region": region} for region in remaining], as_json=as_json)
