"""`swapgate fixed-rate-terms` and `min-deposit`: what protects orders against manipulation."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.actions.operator.market.fixed_rates import (
    set_fixed_rate_terms,
    set_min_deposit,
    show_fixed_rate_terms,
    show_min_deposits,
)
from domain.assets import Asset, Excess, FixedRateTerms
from domain.money import format_units
from gateway.cli.command import (
    DATA_DIR,
    AsJson,
    AssetCode,
    DataDir,
    OneAssetCode,
    Reason,
    group,
    read,
    run,
)
from gateway.cli.output import show
from gateway.instance import Role

if TYPE_CHECKING:
    from gateway.wiring.operator.ports import OperatorPorts

terms = group("The terms of fixed rates; `fixed-rates` offers them, `limits` caps them.")
min_deposit = group("The least deposit of each asset that counts, unless it is the agreed amount.")

PremiumBps = Annotated[
    int | None,
    typer.Option(help="In addition to the service fee of fixed rates, 0..2000 basis points."),
]
ConfirmMinutes = Annotated[
    int | None,
    typer.Option(help="How long after expiry a deposit may be confirmed, 1..10080 minutes."),
]
ExcessOption = Annotated[
    Excess | None,
    typer.Option(
        help="What exceeds the agreed amount: settled at the worse of fixed and live rate, or sent"
        " back less the network fee."
    ),
]
Amount = Annotated[
    str, typer.Argument(metavar="AMOUNT", help="In units of the asset, such as 0.000001.")
]


@terms.command("show")
def show_terms(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show the premium, the time to confirm, and what happens to an excess."""
    found = read(Role.ADMIN, data_dir, lambda ports: show_fixed_rate_terms(ports.market()))
    show(_terms_out(found), as_json=as_json)


@terms.command("set")
def set_terms(
    *,
    premium_bps: PremiumBps = None,
    confirm_minutes: ConfirmMinutes = None,
    excess: ExcessOption = None,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the premium of new orders, or the time to confirm and the excess of all."""
    changed = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_fixed_rate_terms(
            ports.market(),
            premium_bps=premium_bps,
            confirm_minutes=confirm_minutes,
            excess=excess,
        ),
        reason=reason,
        state=_stored_terms,
    )
    show(_terms_out(changed), as_json=as_json)


@min_deposit.command("show")
def show_least(
    code: OneAssetCode = None, *, data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Show the least deposit of all assets, or of one."""
    assets = read(Role.ADMIN, data_dir, lambda ports: show_min_deposits(ports.market(), code))
    rows = [_min_deposit_out(asset, asset.min_deposit) for asset in assets]
    show(rows if code is None else rows[0], as_json=as_json)


@min_deposit.command("set")
def set_least(
    code: AssetCode,
    amount: Amount,
    *,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set the least deposit of an asset that counts; smaller ones are listed as unclaimed."""
    asset, units = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_min_deposit(ports.market(), code, amount),
        reason=reason,
        state=lambda ports: _stored_min_deposit(ports, code),
    )
    show(_min_deposit_out(asset, units), as_json=as_json)


async def _stored_terms(ports: "OperatorPorts") -> dict[str, Any]:
    return _terms_out(await show_fixed_rate_terms(ports.market()))


async def _stored_min_deposit(ports: "OperatorPorts", code: str) -> dict[str, Any]:
    (asset,) = await show_min_deposits(ports.market(), code)
    return _min_deposit_out(asset, asset.min_deposit)


def _terms_out(terms: FixedRateTerms) -> dict[str, Any]:
    minutes = int(terms.confirm_within.total_seconds()) // 60
    return {
        "premiumBps": terms.premium_bps,
        "confirmMinutes": minutes,
        "excess": terms.excess.value,
    }


def _min_deposit_out(asset: Asset, units: int) -> dict[str, Any]:
    return {"asset": asset.code, "minDeposit": format_units(units, asset.precision)}
