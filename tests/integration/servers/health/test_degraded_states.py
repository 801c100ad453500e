"""Whatever is missing, every route responds, and states what is wrong: never an internal error.

Routes are those that the application has registered, so a new one takes part by itself.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from urllib.parse import urlencode

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.api.dispatcher import PREFIXES
from gateway.api.endpoints import ENDPOINTS
from gateway.asgi import AsgiMiddleware
from gateway.wiring import worker
from tests.support.builders.degraded import (
    Degraded,
    Installation,
    application_of,
    filled,
    routes_of,
)
from tests.support.clients.visitor import FORM, PageResponse
from tests.support.servers.in_process import request
from tests.unit.http.test_errors import CONTRACT

FRAMING = {405, 408, 413}
"""Further statuses of code 1, which no domain error has."""

FEEDS = {"/rates/float.json", "/rates/fixed.json"}
DOCUMENTS = {"/healthz", "/healthz/dependencies", "/readyz", "/openapi.json", *FEEDS}
"""JSON that is not of the API's envelope."""
INTERNALS = ("Traceback", "psqlpy", "valkey.", "onnection refused", ".py", "postgresql", "unix:")
"""What an exception's text would contain."""
WHAT_TO_DO = re.compile(
    r"(Try again|try again|Reload|Check|Ask|Use |Choose|Enter|Sign in|Set up|Go to|Generate|Select|"
    r"See |Review|Submit)"
)
ENDS_SESSIONS = "/others/end"
ENDS_THE_KEY = "/keys/rotate"
CABINET = "/partner"
MAX_SESSIONS = 200
MIN_PATHS = 70


@pytest.fixture(autouse=True)
def _impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker not wait for data that will not come."""
    if "rates" in request.node.name:
        monkeypatch.setattr(worker, "FIRST_DATA_SECONDS", 0.1)


Expected = tuple[str, str, int, str]
"""Method, route, status, and what the response contains: of a page, in its main part."""

ORDER = "GET", "/order/{id}", 200, "Waiting for your deposit"
DASHBOARD = "GET", "/partner/dashboard", 200, "Dashboard"
DISCOVERY = "POST", "/v1/currencies", 200, '"code":0'
NOT_IN_CABINET = "GET", "/partner/dashboard", 503, "can't be reached right now. Try again"
UNREACHABLE = 503, "Part of our service cannot be reached at the moment."
EMPTY_FEED = "GET", "/api/rates.xml", 200, "<rates></rates>"
EXPECTED: Mapping[Degraded, tuple[Expected, ...]] = {
    Degraded.NOTHING: (
        ("GET", "/", 200, "Swap coins from wallet to wallet"),
        ("POST", "/v1/price", 200, '"code":0'),
        ("POST", "/v1/create", 200, '"code":0'),
        ("POST", "/v1/qr", 200, '"code":0'),
        *(ORDER, DASHBOARD, DISCOVERY),
    ),
    Degraded.NO_ASSETS: (
        ("GET", "/", 503, "No coins can be swapped here at the moment."),
        ("POST", "/", 503, "No coins can be swapped here at the moment."),
        ("POST", "/swap/quote", 503, "Try again later."),
        ("POST", "/v1/pairs", 200, '"data":[]'),
        ("POST", "/v1/price", 400, '{"code":1,"msg":"INVALID_REQUEST"}'),
        ("POST", "/v1/quote", 200, '{"type":"RECEIVE_DISABLED","side":"from"}'),
        ("POST", "/v1/create", 400, '{"code":1,"msg":"INVALID_REQUEST"}'),
        *(ORDER, DASHBOARD, DISCOVERY, EMPTY_FEED),
    ),
    Degraded.NO_RATES: (
        ("GET", "/", 200, "Prices are temporarily unavailable. Try again in a few minutes."),
        ("POST", "/v1/price", 503, '{"code":11,"msg":"UPSTREAM_ERROR"}'),
        ("POST", "/v1/quote", 200, '"problems":[{"type":"RATE_UNAVAILABLE"}]'),
        ("POST", "/v1/create", 503, '{"code":11,"msg":"UPSTREAM_ERROR"}'),
        *(ORDER, DASHBOARD, DISCOVERY, EMPTY_FEED),
    ),
    Degraded.NO_VALKEY: (
        ("GET", "/", 200, "Swap coins from wallet to wallet"),
        ("POST", "/v1/price", 503, '{"code":11,"msg":"UPSTREAM_ERROR"}'),
        ("POST", "/v1/create", 503, '{"code":11,"msg":"UPSTREAM_ERROR"}'),
        *(ORDER, NOT_IN_CABINET),
    ),
    Degraded.NO_DATABASE: (
        ("GET", "/", *UNREACHABLE),
        ("GET", "/order/{id}", *UNREACHABLE),
        ("GET", "/status/{id}", *UNREACHABLE),
        ("POST", "/v1/order", 503, '{"code":11,"msg":"UPSTREAM_ERROR"}'),
        NOT_IN_CABINET,
    ),
    Degraded.MAINTENANCE: (
        ("GET", "/", 200, "New swaps are paused for maintenance. Existing orders continue."),
        ("POST", "/v1/price", 503, '{"code":10,"msg":"MAINTENANCE"}'),
        ("POST", "/v1/quote", 200, '"problems":[{"type":"MAINTENANCE"}]'),
        ("POST", "/v1/create", 503, '{"code":10,"msg":"MAINTENANCE"}'),
        *(ORDER, DASHBOARD, DISCOVERY, EMPTY_FEED),
    ),
    Degraded.HALTED_CHAIN: (
        ("GET", "/", 200, "Swap coins from wallet to wallet"),
        ("POST", "/v1/create", 200, '"code":0'),
        *(ORDER, DASHBOARD, DISCOVERY),
    ),
}


class Walk:
    """Requests every route of an application as a partner, a member and a visitor."""

    def __init__(self, installation: Installation, application: AsgiMiddleware) -> None:
        self.order = installation.order
        self.application = application
        self.partner = installation.partner
        self.routes = sorted(routes_of(application), key=_ends_something)
        self.endpoints = {
            (endpoint.method, prefix + endpoint.path): endpoint
            for endpoint in ENDPOINTS
            for prefix in PREFIXES
        }
        self.sessions: list[tuple[str, str]] = []
        self.seen: list[tuple[str, str, PageResponse]] = []

    async def all(
        self,
        wanted: Callable[[str, str], bool] = lambda *_: True,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Request all routes that are `wanted`, one after the other."""
        for method, pattern in self.routes:
            if wanted(method, pattern):
                await self.one(method, pattern, headers)

    def response(self, method: str, pattern: str) -> PageResponse:
        """Return the first response of a route: of a signed call, or to the member."""
        path = filled(pattern, self.order)
        found = [seen for seen in self.seen if seen[0] == method and _path(seen[1]) == path]
        return found[0][2]

    async def one(self, method: str, pattern: str, headers: Mapping[str, str]) -> None:
        """Request a route in every way that callers of it do."""
        path = filled(pattern, self.order)
        if (method, pattern) in self.endpoints:
            await self._call(method, pattern, path)
        elif pattern.startswith(CABINET):
            await self._as_member(method, path, headers)
            await self._as_visitor(method, path, headers)
        else:
            await self._as_visitor(method, path, headers)

    async def _call(self, method: str, pattern: str, path: str) -> None:
        endpoint = self.endpoints[method, pattern]
        example = dict(endpoint.example.request or {})
        example |= {name: self.order[name] for name in ("id", "token") if name in example}
        body = msgspec.json.encode(example) if endpoint.request_type is not None else b""
        signed = self.partner.v2_headers(path, body, method=method)
        await self._send(method, path, body, signed)
        await self._send(method, path, body, {})

    async def _as_member(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        cookie, form_token = self.sessions.pop()
        form = urlencode({**FORM, "form_token": form_token}).encode()
        sent = {**_of_a_form(method), **headers, "cookie": cookie}
        await self._send(method, path, form if method == "POST" else b"", sent)

    async def _as_visitor(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        token = str(self.order["token"])
        form = urlencode({**FORM, "t": token}).encode()
        sent = {**_of_a_form(method), **headers, "x-order-token": token}
        target = f"{path}?t={token}" if path.startswith("/order/") else path
        await self._send(method, target, form if method == "POST" else b"", sent)

    async def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        response = await request(self.application, method, path, body, headers)
        self.seen.append((method, path, response))


def _of_a_form(method: str) -> dict[str, str]:
    if method != "POST":
        return {}
    return {
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
    }


def _ends_something(route: tuple[str, str]) -> int:
    """Sort what ends all sessions, or the key, behind everything else."""
    return 1 if route[1].endswith((ENDS_SESSIONS, ENDS_THE_KEY)) else 0


def _path(target: str) -> str:
    return target.partition("?")[0]


def main_of(response: PageResponse) -> str:
    """Return the words of a page without its header and footer; all words of a fragment."""
    main = re.search(r"<main.*</main>", response.text, re.DOTALL)
    return msgspec.structs.replace(response, text=main[0] if main else response.text).words()


def problems_of(method: str, path: str, response: PageResponse) -> Iterator[str]:
    """Return what is wrong with a response, whatever is missing."""
    where, text = f"{method} {path}: {response.status}", response.text
    if response.status >= 500 and response.status != 503:
        yield f"{where} is an internal error"
    if response.status >= 400:
        yield from (f"{where} contains {one!r}" for one in INTERNALS if one in text)
    kind = response.headers.get("content-type", "")
    if path in DOCUMENTS:
        return
    if kind == "application/json":
        yield from (f"{where}: {problem}" for problem in _envelope_problems(response))
    elif response.status >= 400 and method != "HEAD" and text:
        yield from (f"{where}: {problem}" for problem in _page_problems(path, kind, response))


def _envelope_problems(response: PageResponse) -> Iterator[str]:
    document = msgspec.json.decode(response.text)
    code, msg = document["code"], document["msg"]
    constant, statuses = {0: ("", {200}), **CONTRACT}.get(code, ("not in the contract", set()))
    allowed = statuses | FRAMING if code == 1 else statuses
    if msg != constant or response.status not in allowed:
        yield f"{response.text} is not of the contract"
    if document["code"] != 0 and set(document) != {"code", "msg"}:
        yield "a failure has more than a code and a constant"


def _page_problems(path: str, kind: str, response: PageResponse) -> Iterator[str]:
    if path.startswith(("/v1", "/api/v1")):
        yield f"the API responds with {kind}"
    elif not kind.startswith("text/html"):
        yield f"a page responds with {kind}"
    elif not WHAT_TO_DO.search(main_of(response)):
        yield f"nothing says what to do: {main_of(response)}"


@asynccontextmanager
async def degraded(
    installation: Installation, state: Degraded, *, running: bool
) -> AsyncIterator[Walk]:
    """Start a worker in a state, or with `running` bring the state about afterwards."""
    async with installation.gateway() as process:
        sessions = await installation.sessions(process, MAX_SESSIONS)
        if running:
            await asyncio.to_thread(installation.degrade, state)
            walk = Walk(installation, application_of(process))
            walk.sessions = sessions
            yield walk
            return
    await asyncio.to_thread(installation.degrade, state)
    complete = state not in (Degraded.NO_VALKEY, Degraded.NO_DATABASE)
    async with installation.gateway(complete=complete) as process:
        walk = Walk(installation, application_of(process))
        walk.sessions = sessions
        yield walk


@pytest.mark.parametrize("state", Degraded)
async def test_every_route_responds_and_states_what_is_wrong(
    installation: Installation, state: Degraded
) -> None:
    """The short form: every route once, without its alias and without HEAD."""
    lost = state in (Degraded.NO_VALKEY, Degraded.NO_DATABASE)
    async with checked(installation, state, running=lost) as walk:
        await walk.all(lambda method, path: method != "HEAD" and not path.startswith("/api/v1"))
    for method, path, status, text in EXPECTED[state]:
        response = walk.response(method, path)
        assert response.status == status, (method, path, response.status, response.text)
        is_page = response.headers["content-type"].startswith("text/html")
        assert text in (main_of(response) if is_page else response.text)


@pytest.mark.slow
@pytest.mark.parametrize("fragments", [False, True])
@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("state", Degraded)
async def test_every_way_to_request_a_route_in_every_state(
    installation: Installation, state: Degraded, *, running: bool, fragments: bool
) -> None:
    """All methods, aliases and fragments, of a worker that starts in the state or gets into it."""
    async with checked(installation, state, running=running) as walk:
        await walk.all(headers={"HX-Request": "true"} if fragments else {})


@asynccontextmanager
async def checked(
    installation: Installation, state: Degraded, *, running: bool
) -> AsyncIterator[Walk]:
    """Check all responses of a walk, and that no error was internal."""
    with capture_logs() as logs:
        async with degraded(installation, state, running=running) as walk:
            yield walk
    assert [one for seen in walk.seen for one in problems_of(*seen)] == []
    assert [entry for entry in logs if entry["event"] == "internal error"] == []
    assert len({path for _, path, _ in walk.seen}) > MIN_PATHS, "the routes were walked"
