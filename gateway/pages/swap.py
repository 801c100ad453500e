"""The swap page: a form that is priced as it is filled in, and opens an order."""

import secrets
from collections.abc import Callable, Mapping

import msgspec
import structlog
from blacksheep import Application, Request, Response

from cabinet_htmx.swap import sentences
from cabinet_htmx.swap.form import Step, SwapForm
from cabinet_htmx.swap.site import ORDER_HEADERS, SWAP_HEADERS, SwapSite
from cabinet_htmx.swap.swap_view import (
    FIELDS,
    chosen_pair,
    faults_of,
    has_drifted,
    quoted_form,
    suggested,
    swap_view,
)
from domain.actions.partners.open_for_visitor import (
    VisitorForm,
    VisitorOrder,
    open_for_visitor,
)
from domain.actions.partners.refer import attribute
from domain.errors import DomainError, InvalidRequest, Maintenance, Unavailable
from gateway.errors import error_response
from gateway.http.blacksheep import Handler
from gateway.http.forms import form_of, query_of
from gateway.http.pages import page, redirect
from gateway.pages.request import PublicContext

ONCE_BYTES = 16

log = structlog.get_logger()


class SwapPages:
    """Answers the swap page's requests."""

    def __init__(self, entrance: PublicContext, site: SwapSite) -> None:
        self._entrance = entrance
        self._site = site
        self._market = entrance.order_ports.market

    async def show(self, request: Request) -> Response:
        """Show the form, with the pair and amount of the address."""
        self._entrance.admit_quote(request)
        asked = query_of(request)
        form = chosen_pair(
            self._market.catalogue,
            SwapForm.of({name: asked[name] for name in ("from", "to") if name in asked}),
        )
        amount = SwapForm.of({"send": asked.get("amount", "")}).send
        if amount:
            form = msgspec.structs.replace(form, send=amount)
        else:
            form = suggested(self._market, form)
        return await self._page(request, form, status=200)

    async def submit(self, request: Request) -> Response:
        """Do what the form's button says: price it, turn it round, or open the order."""
        fields = await form_of(request)
        if fields.get("step") == Step.OPEN:
            form = chosen_pair(self._market.catalogue, SwapForm.of(fields))
            return await self._open(request, form)
        self._entrance.admit_quote(request)
        return await self._page(request, self._form(fields), status=200)

    async def part(self, request: Request) -> Response:
        """Answer htmx with the whole form: another pair or kind of rate was chosen."""
        fields = await form_of(request)
        self._entrance.admit_quote(request)
        form = self._form(fields)
        given = [name for name in FIELDS if fields.get(name)]
        faults = faults_of(self._market.catalogue, form, only=given)
        view = swap_view(self._market, form, markup_bps=await self._markup(request), faults=faults)
        return page(200, self._site.form(view, once=_once(form)), SWAP_HEADERS)

    async def price(self, request: Request) -> Response:
        """Answer htmx with the price: an amount was edited, or the price has grown old."""
        fields = await form_of(request)
        self._entrance.admit_quote(request)
        form = chosen_pair(self._market.catalogue, SwapForm.of(fields))
        view = swap_view(self._market, form, markup_bps=await self._markup(request))
        return page(200, self._site.price(view), SWAP_HEADERS)

    async def check(self, request: Request) -> Response:
        """Answer htmx with what is wrong with a field that was left; empty ones may wait."""
        field = request.url.path.decode("latin-1").rpartition("/")[2]
        fields = await form_of(request)
        if field not in FIELDS:
            raise InvalidRequest("no such field")
        self._entrance.admit_quote(request)
        form = chosen_pair(self._market.catalogue, SwapForm.of(fields))
        faults = {}
        if fields.get(field, "").strip():
            faults = faults_of(self._market.catalogue, form, only=(field,))
        return page(200, self._site.fault(field, faults.get(field)), SWAP_HEADERS)

    def _form(self, fields: Mapping[str, str]) -> SwapForm:
        form = SwapForm.of(fields)
        if fields.get("step") == Step.REVERSE:
            form = form.reversed()
        return chosen_pair(self._market.catalogue, form)

    async def _open(self, request: Request, form: SwapForm) -> Response:
        faults = faults_of(self._market.catalogue, form)
        try:
            markup_bps = await self._markup(request)
            quoted = quoted_form(self._market, form, markup_bps=markup_bps)
        except (InvalidRequest, Maintenance, Unavailable):
            return await self._page(request, form, status=422, faults=faults)  # which says why
        if quoted is None:
            faults = {"send": "Enter an amount."} | faults
        if quoted is None or faults or quoted.problems or not form.has_once:
            return await self._page(request, form, status=422, faults=faults)
        if has_drifted(form, quoted):
            return await self._page(request, form, status=409, problem=sentences.MOVED)
        try:
            self._entrance.admit_order(request)
            opened = await self._opened(request, form)
        except DomainError as error:
            answer = error_response(error)
            if isinstance(error, Unavailable):
                log.warning("unavailable", path="/", reason=str(error))
            said = sentences.NOTHING_OPENED
            if not isinstance(error, Unavailable):
                said = sentences.problem(error)
            return await self._page(request, form, status=answer.status, problem=said)
        where = f"/order/{opened.order.id}?t={opened.token}"
        return redirect(303, where, ORDER_HEADERS)

    async def _opened(self, request: Request, form: SwapForm) -> VisitorOrder:
        return await open_for_visitor(
            self._entrance.order_ports,
            self._entrance.referring,
            VisitorForm(
                once=form.once,
                swap=form.swap(),
                destination_address=form.to_address,
                destination_tag=form.tag or None,
                refund_address=form.refund_address,
            ),
            cookie=self._entrance.referral_of(request),
            token_keys=self._entrance.token_keys,
        )

    async def _page(
        self,
        request: Request,
        form: SwapForm,
        *,
        status: int,
        problem: str | None = None,
        faults: dict[str, str] | None = None,
    ) -> Response:
        try:
            markup_bps = await self._markup(request)
        except (Maintenance, Unavailable) as error:
            markup_bps, problem, status = 0, problem or sentences.problem(error), 503
        view = swap_view(
            self._market,
            form,
            markup_bps=markup_bps,
            problem=problem,
            faults=faults,
            asked_to_open=status == 422,
        )
        once = _once(form) if status != 409 else _new_once()
        return page(status, self._site.swap(view, once=once), SWAP_HEADERS)

    async def _markup(self, request: Request) -> int:
        cookie = self._entrance.referral_of(request)
        return (await attribute(self._entrance.referring, cookie)).markup_bps


def mount_swap(
    application: Application, door: SwapPages, *, answered: Callable[[Handler], Handler]
) -> None:
    """Serve the swap page; `answered` wraps a handler so that refusals are pages."""
    application.router.add_get("/", answered(door.show))
    application.router.add_head("/", answered(door.show))
    application.router.add_post("/", answered(door.submit))
    application.router.add_post("/swap/form", answered(door.part))
    application.router.add_post("/swap/quote", answered(door.price))
    application.router.add_post("/swap/check/{field}", answered(door.check))


def _once(form: SwapForm) -> str:
    return form.once if form.has_once else _new_once()


def _new_once() -> str:
    return secrets.token_urlsafe(ONCE_BYTES)
