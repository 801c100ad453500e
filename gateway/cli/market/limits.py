"""`swapgate limits`: what orders may be worth."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from domain.market.limits import (
    PairLimits,
    checked_limits,
    format_limit,
    parse_limit,
    parse_usd,
)
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, nouns, run, show
from gateway.settings import Role

if TYPE_CHECKING:
    from gateway.cli.connections import OperatorPorts

app = nouns("Limits: what orders may be worth, in USD.")

Source = Annotated[str | None, typer.Option("--from", help="With --to: one pair's own bounds.")]
Destination = Annotated[str | None, typer.Option("--to", help="With --from: one pair's own.")]
MinUsd = Annotated[str | None, typer.Option(help="The least; `none` for a pair: as for all pairs.")]
MaxUsd = Annotated[str | None, typer.Option(help="The most; `none` for a pair: as for all pairs.")]
DailyCapUsd = Annotated[
    str | None, typer.Option(help="The most in a day, all orders together; `none` for no cap.")
]


class _Wanted(msgspec.Struct, frozen=True):
    """What was typed; None stays as it is."""

    min_usd: str | None
    max_usd: str | None
    daily_cap_usd: str | None


@app.command("set")
def change(
    *,
    source: Source = None,
    destination: Destination = None,
    min_usd: MinUsd = None,
    max_usd: MaxUsd = None,
    daily_cap_usd: DailyCapUsd = None,
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the bounds of all pairs and the daily cap or, with --from and --to, one pair's own."""
    wanted = _Wanted(min_usd, max_usd, daily_cap_usd)

    async def work(desk: "OperatorPorts") -> dict[str, Any]:
        if wanted == _Wanted(None, None, None):
            raise Failure("There is nothing to change: name a limit")
        if source is None and destination is None:
            done = await _set_all(desk, wanted)
        elif source is None or destination is None:
            raise Failure("--from and --to go together: they name a pair")
        else:
            done = await _set_pair(desk, (source.lower(), destination.lower()), wanted)
        await desk.tell()
        return done

    show(run(Role.ADMIN, data_dir, work), as_json=as_json)


async def _set_all(desk: "OperatorPorts", wanted: _Wanted) -> dict[str, Any]:
    from persistence.postgres.market.switches import read_limits, save_limits

    limits = await read_limits(desk.database)
    if wanted.min_usd is not None:
        limits = msgspec.structs.replace(limits, min_usd=parse_usd(wanted.min_usd))
    if wanted.max_usd is not None:
        limits = msgspec.structs.replace(limits, max_usd=parse_usd(wanted.max_usd))
    if wanted.daily_cap_usd is not None:
        limits = msgspec.structs.replace(limits, daily_cap_usd=parse_limit(wanted.daily_cap_usd))
    await save_limits(desk.database, checked_limits(limits))
    return {
        "minUsd": format_limit(limits.min_usd),
        "maxUsd": format_limit(limits.max_usd),
        "dailyCapUsd": format_limit(limits.daily_cap_usd),
    }


async def _set_pair(
    desk: "OperatorPorts", pair: tuple[str, str], wanted: _Wanted
) -> dict[str, Any]:
    from persistence.postgres.market.switches import read_limits, save_pair_limits

    if wanted.daily_cap_usd is not None:
        raise Failure("The daily cap is one for all pairs: leave out --from and --to")
    limits = await read_limits(desk.database)
    own = limits.pairs.get(pair, PairLimits())
    if wanted.min_usd is not None:
        own = msgspec.structs.replace(own, min_usd=parse_limit(wanted.min_usd))
    if wanted.max_usd is not None:
        own = msgspec.structs.replace(own, max_usd=parse_limit(wanted.max_usd))
    checked_limits(msgspec.structs.replace(limits, pairs={**limits.pairs, pair: own}))
    await save_pair_limits(desk.database, pair, own)
    return {
        "from": pair[0],
        "to": pair[1],
        "minUsd": format_limit(own.min_usd),
        "maxUsd": format_limit(own.max_usd),
    }
