"""`swapgate unpaid-cap`: what orders without a deposit may be worth together, and how many."""

from typing import Annotated, Any

import typer

from domain.actions.operator.market.unpaid import set_unpaid_cap, show_unpaid_caps
from domain.errors import InvalidCommand
from domain.market.limits import format_limit
from domain.market.unpaid import UnpaidCap, UnpaidScope, parse_scope
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, Reason, group, read, run
from gateway.cli.output import show
from gateway.instance import Role

app = group("Caps on orders that await a deposit: what they are worth in USD, and how many.")

Scope = Annotated[
    str,
    typer.Argument(
        metavar="SCOPE",
        help="`partner`: the signed calls of each partner; `page`: the swap page; `client`: each "
        "client address of the swap page.",
    ),
]
Usd = Annotated[
    str | None,
    typer.Argument(metavar="[USD]", help="The cap on their value; `none` for no cap."),
]
Orders = Annotated[
    str | None, typer.Option("--orders", help="The cap on their number; `none` for no cap.")
]
Who = Annotated[
    str | None, typer.Option("--who", help="With `partner`: only of this id or e-mail address.")
]


@app.command("show")
def show_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Show all caps, and the largest total that counts in each of them now."""
    caps = read(Role.ADMIN, data_dir, lambda ports: show_unpaid_caps(ports.unpaid_caps()))
    documents = [
        {
            **_cap_out(cap),
            "unpaidUsd": format_limit(cap.unpaid_usd),
            "unpaidOrders": cap.unpaid_orders,
        }
        for cap in caps
    ]
    show(documents, as_json=as_json)


@app.command("set")
def change(
    scope: Scope,
    usd: Usd = None,
    *,
    orders: Orders = None,
    who: Who = None,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set a cap. An order that would exceed it is rejected with code 8, LIMIT_MAX."""
    found = _scope(scope)
    if usd is None and orders is None:
        raise Failure("Give a cap in USD, or --orders, or both")
    cap = run(
        Role.ADMIN,
        data_dir,
        lambda ports: set_unpaid_cap(ports.unpaid_caps(), found, usd, orders=orders, who=who),
        reason=reason,
        state=lambda ports: show_unpaid_caps(ports.unpaid_caps()),
    )
    show(_cap_out(cap), as_json=as_json)


def _scope(text: str) -> UnpaidScope:
    try:
        return parse_scope(text)
    except InvalidCommand as error:
        raise Failure(str(error)) from None


def _cap_out(cap: UnpaidCap) -> dict[str, Any]:
    return {
        "scope": cap.scope.value,
        "who": cap.who,
        "capUsd": format_limit(cap.cap_usd),
        "capOrders": cap.cap_orders,
    }
