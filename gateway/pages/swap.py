"""The swap page: a form that shows a live price and creates an order."""

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
    field_errors,
    swap_view,
    with_known_assets,
    with_suggested_amount,
)
from domain.actions.partners.open_for_visitor import (
    VisitorForm,
    VisitorOrder,
    open_for_visitor,
)
from domain.actions.partners.refer import Attribution, attribute
from domain.errors import (
    DomainError,
    IdempotencyConflict,
    InvalidCommand,
    Maintenance,
    QuoteInvalid,
    Unavailable,
)
from gateway.errors import error_response
from gateway.http.blacksheep import Handler
from gateway.http.forms import form_of, query_of
from gateway.http.pages import page, redirect
from gateway.pages.request import PublicContext

IDEMPOTENCY_KEY_BYTES = 16

log = structlog.get_logger()


class SwapPages:
    """Handlers of the swap page."""

    def __init__(self, context: PublicContext, site: SwapSite) -> None:
        self._context = context
        self._site = site
        self._ports = context.order_ports
        self._market = context.order_ports.market

    async def show(self, request: Request) -> Response:
        """Show the form with the pair and amount of the query."""
        await self._context.admit_quote(request)
        query = query_of(request)
        form = with_known_assets(
            self._market.catalogue,
            SwapForm.of({name: query[name] for name in ("from", "to") if name in query}),
        )
        amount = SwapForm.of({"send": query.get("amount", "")}).send
        if amount:
            form = msgspec.structs.replace(form, send=amount)
        else:
            form = with_suggested_amount(self._market, form)
        return await self._page(request, form, status=200)

    async def submit(self, request: Request) -> Response:
        """Perform the button's action: show a price, reverse the pair or create an order."""
        fields = await form_of(request)
        if fields.get("step") == Step.OPEN:
            form = with_known_assets(self._market.catalogue, SwapForm.of(fields))
            return await self._create(request, form)
        await self._context.admit_quote(request)
        return await self._page(request, self._form(fields), status=200)

    async def part(self, request: Request) -> Response:
        """Return the whole form to htmx after a change of the pair or the rate type."""
        fields = await form_of(request)
        await self._context.admit_quote(request)
        form = self._form(fields)
        filled_in = [name for name in FIELDS if fields.get(name)]
        errors = field_errors(self._market.catalogue, form, only=filled_in)
        attribution = await self._attribution(request)
        view = swap_view(self._ports, form, attribution=attribution, errors=errors)
        return page(
            200, self._site.form(view, idempotency_key=_idempotency_key(form)), SWAP_HEADERS
        )

    async def price(self, request: Request) -> Response:
        """Return the price to htmx after a change of an amount, or to refresh it."""
        fields = await form_of(request)
        await self._context.admit_quote(request)
        form = with_known_assets(self._market.catalogue, SwapForm.of(fields))
        view = swap_view(self._ports, form, attribution=await self._attribution(request))
        return page(200, self._site.price(view), SWAP_HEADERS)

    async def check(self, request: Request) -> Response:
        """Return a field's error to htmx; empty fields are not checked before submission."""
        field = request.url.path.decode("latin-1").rpartition("/")[2]
        fields = await form_of(request)
        if field not in FIELDS:
            raise InvalidCommand("no such field")
        await self._context.admit_quote(request)
        form = with_known_assets(self._market.catalogue, SwapForm.of(fields))
        errors = {}
        if fields.get(field, "").strip():
            errors = field_errors(self._market.catalogue, form, only=(field,))
        return page(200, self._site.field_error(field, errors.get(field)), SWAP_HEADERS)

    def _form(self, fields: Mapping[str, str]) -> SwapForm:
        form = SwapForm.of(fields)
        if fields.get("step") == Step.REVERSE:
            form = form.reversed()
        return with_known_assets(self._market.catalogue, form)

    async def _create(self, request: Request, form: SwapForm) -> Response:
        """Open an order of the quote that the page has shown, or show the price of now."""
        errors = field_errors(self._market.catalogue, form)
        if not form.has_amount:
            errors = {"send": "Enter an amount."} | errors
        if errors or not form.has_idempotency_key:
            return await self._page(request, form, status=422, errors=errors)
        try:
            await self._context.admit_order(request)
            created = await self._create_order(request, form)
        except IdempotencyConflict as error:
            return await self._page(request, form, status=409, problem=sentences.problem(error))
        except (QuoteInvalid, InvalidCommand):
            return await self._page(request, form, status=409)
        except DomainError as error:
            problem = sentences.problem(error)
            if isinstance(error, Unavailable):
                log.warning("unavailable", path="/", reason=str(error))
                problem = sentences.NOT_CREATED
            status = error_response(error).status
            return await self._page(request, form, status=status, problem=problem)
        location = f"/order/{created.order.id}?t={created.token}"
        return redirect(303, location, ORDER_HEADERS)

    async def _create_order(self, request: Request, form: SwapForm) -> VisitorOrder:
        return await open_for_visitor(
            self._context.order_ports,
            self._context.referral_ports,
            VisitorForm(
                once=form.idempotency_key,
                swap=form.quoted_swap(),
                destination_address=form.to_address,
                destination_tag=form.tag or None,
                refund_address=form.refund_address,
            ),
            clients=self._context.clients_of(request),
            cookie=self._context.referral_of(request),
            token_keys=self._context.token_keys(),
        )

    async def _page(
        self,
        request: Request,
        form: SwapForm,
        *,
        status: int,
        problem: str | None = None,
        errors: dict[str, str] | None = None,
    ) -> Response:
        """Return the page; with status 409 the price is to be confirmed, with 422 corrected."""
        attribution = None
        try:
            attribution = await self._attribution(request)
        except (Maintenance, Unavailable) as error:
            problem, status = problem or sentences.problem(error), 503
        view = swap_view(
            self._ports,
            form,
            attribution=attribution,
            problem=problem,
            errors=errors,
            open_requested=status == 422,
        )
        if status == 409 and not view.quote_id:
            status = 422
        if status == 409 and problem is None:
            view = msgspec.structs.replace(view, problem=sentences.PRICE_CHANGED)
        idempotency_key = _idempotency_key(form) if status != 409 else _new_idempotency_key()
        return page(status, self._site.swap(view, idempotency_key=idempotency_key), SWAP_HEADERS)

    async def _attribution(self, request: Request) -> Attribution:
        cookie = self._context.referral_of(request)
        return await attribute(self._context.referral_ports, cookie)


def mount_swap(
    application: Application, pages: SwapPages, *, wrap: Callable[[Handler], Handler]
) -> None:
    """Register the swap page; `wrap` makes a handler return error pages."""
    application.router.add_get("/", wrap(pages.show))
    application.router.add_head("/", wrap(pages.show))
    application.router.add_post("/", wrap(pages.submit))
    application.router.add_post("/swap/form", wrap(pages.part))
    application.router.add_post("/swap/quote", wrap(pages.price))
    application.router.add_post("/swap/check/{field}", wrap(pages.check))


def _idempotency_key(form: SwapForm) -> str:
    return form.idempotency_key if form.has_idempotency_key else _new_idempotency_key()


def _new_idempotency_key() -> str:
    return secrets.token_urlsafe(IDEMPOTENCY_KEY_BYTES)
