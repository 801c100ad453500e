"""Steps of an order that a sandbox simulates: buttons on the order's page."""

from collections.abc import Callable, Mapping
from typing import Final

from blacksheep import Response

from cabinet_htmx.partner.orders.sandbox_view import failure_message, step_done
from domain.actions.sandbox.request_step import request_step
from domain.actions.sandbox.steps import (
    AdvanceStep,
    ConfirmStep,
    DepositStep,
    ExpireStep,
    PayoutStep,
    Step,
)
from domain.cabinet.members import Role
from domain.errors import InvalidRequest, NotFound
from domain.reasons import Reason
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import Route, Section, StepUp

PATH: Final = f"{Section.ORDERS.path}/{{id}}/sandbox/{{step}}"
MAX_DIGITS: Final = 9

Form = Mapping[str, str]


def _deposit(form: Form) -> Step:
    return DepositStep(form.get("amount", "").strip() or None, form.get("late") == "yes")


def _advance(form: Form) -> Step:
    text = form.get("seconds", "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise InvalidRequest("not a number of seconds", field="seconds", reason=Reason.TYPE)
    return AdvanceStep(int(text))


STEPS: Final[Mapping[str, Callable[[Form], Step]]] = {
    "deposit": _deposit,
    "confirm": lambda _: ConfirmStep(),
    "payout": lambda _: PayoutStep(),
    "expire": lambda _: ExpireStep(),
    "advance": _advance,
}


async def simulate_step(request: PageRequest) -> Response:
    """Perform a step of one of the partner's orders, and show the order then."""
    ports, name = request.ports.sandbox, request.parameters["step"]
    if ports is None or name not in STEPS:
        raise NotFound("there is no such step")
    order_id = request.id_of("id")
    page = f"{Section.ORDERS.path}/{order_id}"
    try:
        step = STEPS[name](request.form)
        order = await request_step(
            ports, partner_id=request.partner_id, order_id=str(order_id), step=step
        )
    except InvalidRequest as rejected:
        return await request.redirect(page, failure_message(rejected), success=False)
    await request.record("Simulated a step in the sandbox", f"{name} of order {order_id}")
    return await request.redirect(page, step_done(order.status))


ROUTES = (
    Route(
        method="POST",
        path=PATH,
        handle=simulate_step,
        role=Role.DEVELOPER,
        section=Section.ORDERS,
        step_up=StepUp.NOT_NEEDED,
    ),
)
