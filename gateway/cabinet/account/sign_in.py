"""`/partner/login`, and out again; and a first password of one's own."""

from blacksheep import Application, Request, Response

from cabinet_htmx.partner import sentences
from cabinet_htmx.partner.site import HEADERS
from domain.actions.cabinet.sign_in import sign_in, sign_out
from domain.cabinet.members import Role
from domain.errors import AuthDisabled, AuthInvalid, RateLimited
from gateway.cabinet.context import CabinetContext
from gateway.cabinet.dispatcher import PageDispatcher
from gateway.cabinet.page_request import PageRequest
from gateway.cabinet.routes import LOGIN, ROOT, Route, RouteTable, checked_next
from gateway.http.forms import form_of, query_of
from gateway.http.pages import page, redirect

SIGNED_OUT = "out"


class SignInPages:
    """Answers who isn't signed in yet."""

    def __init__(self, cabinet: CabinetContext, table: RouteTable) -> None:
        self._cabinet = cabinet
        self._table = table

    async def home(self, request: Request) -> Response:
        """Lead to where somebody begins."""
        signed_in = await self._cabinet.resume(request)
        there = self._table.home(signed_in.member.role) if signed_in else LOGIN
        return redirect(303, there, HEADERS)

    async def show(self, request: Request) -> Response:
        """Show the sign-in page; who is signed in goes on."""
        query = query_of(request)
        signed_in = await self._cabinet.resume(request)
        if signed_in is not None:
            wanted = checked_next(query.get("next", ""))
            return redirect(303, wanted or self._table.home(signed_in.member.role), HEADERS)
        return self._page(wanted=query.get("next", ""), signed_out=SIGNED_OUT in query)

    async def enter(self, request: Request) -> Response:
        """Sign somebody in: always in a new session, whatever cookie came along."""
        form = await form_of(request)
        email, wanted = form.get("email", ""), form.get("next", "")
        browser = self._cabinet.browser_of(request)
        try:
            signed_in = await sign_in(
                self._cabinet.signing_in,
                email=email,
                password=form.get("password", ""),
                browser=browser,
            )
        except AuthInvalid:
            return self._page(403, email=email, wanted=wanted, fault=sentences.WRONG_SIGN_IN)
        except AuthDisabled:
            return self._page(403, email=email, wanted=wanted, fault=sentences.DISABLED)
        except RateLimited as error:
            wait = error.retry_after
            fault = sentences.too_often(wait)
            return self._page(429, email=email, wanted=wanted, fault=fault, retry_after=wait)
        await self._end_former(request)
        await self._cabinet.record(signed_in.member, browser.address, "Signed in")
        there = checked_next(wanted) or self._table.home(signed_in.member.role)
        return redirect(303, there, HEADERS, self._cabinet.cookie(signed_in.name))

    async def _end_former(self, request: Request) -> None:
        former = await self._cabinet.resume(request)
        if former is not None:
            await sign_out(self._cabinet.signing_in, former.member.id, former.session.id)

    def _page(
        self,
        status: int = 200,
        *,
        wanted: str,
        email: str = "",
        fault: str | None = None,
        signed_out: bool = False,
        retry_after: int | None = None,
    ) -> Response:
        html = self._cabinet.site.door(
            "login.html",
            email=email,
            wanted=checked_next(wanted) or "",
            fault=fault,
            signed_out=signed_out,
        )
        more = [("Retry-After", str(retry_after))] if retry_after is not None else []
        return page(status, html, HEADERS, *more)


async def leave(visit: PageRequest) -> Response:
    """Sign somebody out."""
    cabinet = visit.cabinet
    await sign_out(cabinet.signing_in, visit.member.id, visit.session.id)
    return redirect(303, f"{LOGIN}?{SIGNED_OUT}=1", HEADERS, cabinet.no_cookie())


ROUTES = (
    Route(
        method="POST",
        path=f"{ROOT}/logout",
        handle=leave,
        role=Role.VIEWER,
        before_password=True,
        before_factor=True,
    ),
)


def mount_sign_in(application: Application, entry: SignInPages, door: PageDispatcher) -> None:
    """Serve what there is before anybody is signed in."""
    for method, path, handler in (
        ("GET", ROOT, entry.home),
        ("HEAD", ROOT, entry.home),
        ("GET", LOGIN, entry.show),
        ("HEAD", LOGIN, entry.show),
        ("POST", LOGIN, entry.enter),
    ):
        application.router.add(method, path, door.answered(handler))
