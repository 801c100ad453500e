"""`swapgate limits`: what orders may be worth."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.actions.operator.market.limits import (
    LimitsChange,
    set_limits,
    set_pair_limits,
    show_limits,
    show_pair_limits,
)
from domain.market.limits import Limits, PairLimits, format_limit
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, Reason, group, read, run
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from gateway.wiring.operator.ports import OperatorPorts

app = group("Limits on what orders are worth, in USD.")

Source = Annotated[str | None, typer.Option("--from", help="With --to: limits of one pair.")]
Destination = Annotated[str | None, typer.Option("--to", help="With --from: limits of one pair.")]
MinUsd = Annotated[str | None, typer.Option(help="Minimum; `none` removes a pair's own minimum.")]
MaxUsd = Annotated[str | None, typer.Option(help="Maximum; `none` removes a pair's own maximum.")]
DailyCapUsd = Annotated[
    str | None, typer.Option(help="Maximum of all orders of a day together; `none` for no cap.")
]
FixedExposureUsd = Annotated[
    str | None,
    typer.Option(
        help="Maximum of all open orders at fixed rates together, until their deposits are "
        "confirmed; `none` for no cap."
    ),
]


@app.command("show")
def show_current(
    *,
    source: Source = None,
    destination: Destination = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show the limits of all pairs and the caps or, with --from and --to, a pair's own."""
    pair = _pair(source, destination)
    if pair is None:
        limits = read(Role.ADMIN, data_dir, lambda ports: show_limits(ports.market()))
        own = [
            _pair_out(one, bounds)
            for one, bounds in sorted(limits.pairs.items())
            if bounds != PairLimits()
        ]
        in_words = [f"{one['from']} to {one['to']}: {_range(one)}" for one in own]
        document = {**_limits_out(limits), "pairs": own}
        show(document, as_json=as_json, table={**document, "pairs": in_words})
        return
    found = read(Role.ADMIN, data_dir, lambda ports: show_pair_limits(ports.market(), pair))
    show(_pair_out(pair, found), as_json=as_json)


@app.command("set")
def change(
    *,
    source: Source = None,
    destination: Destination = None,
    min_usd: MinUsd = None,
    max_usd: MaxUsd = None,
    daily_cap_usd: DailyCapUsd = None,
    fixed_exposure_usd: FixedExposureUsd = None,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the limits of all pairs and the caps or, with --from and --to, a pair's own."""
    pair = _pair(source, destination)
    limits = LimitsChange(min_usd, max_usd, daily_cap_usd, fixed_exposure_usd)
    if pair is None:
        changed = run(
            Role.ADMIN,
            data_dir,
            lambda ports: set_limits(ports.market(), limits),
            reason=reason,
            state=_stored_limits,
        )
        show(_limits_out(changed), as_json=as_json)
        return
    own = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_pair_limits(ports.market(), pair, limits),
        subject=" ".join(pair),
        reason=reason,
        state=lambda ports: show_pair_limits(ports.market(), pair),
    )
    show(_pair_out(pair, own), as_json=as_json)


async def _stored_limits(ports: "OperatorPorts") -> dict[str, Any]:
    return _limits_out(await show_limits(ports.market()))


def _pair(source: str | None, destination: str | None) -> tuple[str, str] | None:
    if source is None and destination is None:
        return None
    if source is None or destination is None:
        raise Failure("--from and --to must be used together: they name a pair")
    return source.lower(), destination.lower()


def _limits_out(limits: Limits) -> dict[str, Any]:
    return {
        "minUsd": format_limit(limits.min_usd),
        "maxUsd": format_limit(limits.max_usd),
        "dailyCapUsd": format_limit(limits.daily_cap_usd),
        "fixedExposureUsd": format_limit(limits.fixed_exposure_cap_usd),
    }


def _pair_out(pair: tuple[str, str], limits: PairLimits) -> dict[str, Any]:
    source, destination = pair
    return {
        "from": source,
        "to": destination,
        "minUsd": format_limit(limits.min_usd),
        "maxUsd": format_limit(limits.max_usd),
    }


def _range(pair: dict[str, Any]) -> str:
    return f"{pair['minUsd'] or '-'} .. {pair['maxUsd'] or '-'}"
