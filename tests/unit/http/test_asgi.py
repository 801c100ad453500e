"""Internal errors return code 99 and are logged with the request id, wherever they are raised."""

import asyncio
import json
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from blacksheep.exceptions import BadRequest
from structlog.testing import capture_logs

from cabinet_htmx.shared.brand import brand_of
from domain.partners.scopes import EVERY_SCOPE
from domain.partners.unsigned_limits import Sources
from domain.partners.weights import Call
from gateway.api.endpoint import Endpoint, Example, Request, Services
from gateway.app import build
from gateway.asgi import AsgiMiddleware
from gateway.http.client_address import ClientAddresses
from gateway.http.connections.clients import ClientConnections
from gateway.origins import PublicOrigins
from gateway.public_hosts import hsts_header
from gateway.runtime.health.dependencies import DependencyReport
from gateway.runtime.health.readiness import Readiness

BROKEN = Endpoint(
    "/price",
    "POST",
    Call.PRICE,
    auth_required=False,
    scopes=EVERY_SCOPE,
    handle=cast("Any", None),
    summary="Break",
    request_type=None,
    response_type=bool,
    errors=(),
    example=Example(None, True),
)


class RecordingLimiter:
    """Records the addresses of admitted calls."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def admit(self, sources: Sources) -> None:
        await asyncio.sleep(0)
        self.seen += [one.name for one in sources]


class FakeGateway:
    """A gateway without servers."""

    def __init__(self) -> None:
        self.services = cast("Any", SimpleNamespace(sandbox=None))
        self.authenticator = cast("Any", None)
        self.rate_limiter = cast("Any", RecordingLimiter())
        self.addresses = ClientAddresses([ip_network("10.0.0.0/8")])
        self.brand = brand_of(name="Swapgate")
        self.public_context = cast("Any", SimpleNamespace(order_ports=SimpleNamespace(market=None)))
        self.cabinet = cast("Any", None)
        self.code_feeds = cast("Any", None)
        self.feeds = cast("Any", None)
        self.client_connections = ClientConnections(self.addresses.of_connection)
        self.origins = PublicOrigins()
        self.hsts = hsts_header()
        self.readiness = Readiness({})
        self.tracing: Any = None

    async def start(self) -> None:
        await asyncio.sleep(0)

    async def stop(self) -> None:
        await asyncio.sleep(0)

    async def dependencies(self) -> DependencyReport:
        raise ZeroDivisionError


class Result(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes


async def call(
    application: AsgiMiddleware,
    method: str,
    path: str,
    *headers: tuple[bytes, bytes],
    body: bytes = b"",
) -> Result:
    """Call an ASGI application as Granian does."""
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        messages.append(message)

    await application(
        {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("10.0.0.1", 4000),
            "headers": [(b"host", b"x"), *headers],
        },
        receive,
        send,
    )
    start, *rest = messages
    received = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Result(start["status"], received, b"".join(message["body"] for message in rest))


def application_with(gateway: FakeGateway, handle: Any, *, direct: bool = True) -> AsgiMiddleware:
    endpoint = msgspec.structs.replace(BROKEN, handle=handle)
    return build(
        gateway, body_deadline_seconds=1, metrics=False, direct=direct, endpoints=[endpoint]
    )


async def fails(_: Services, __: Request) -> bytes:
    await asyncio.sleep(0)
    raise ZeroDivisionError("an internal error")


def is_internal_error(result: Result) -> None:
    assert (result.status, json.loads(result.body)) == (500, {"code": 99, "msg": "INTERNAL"})
    assert result.headers["cache-control"] == "no-store"
    assert result.headers["x-request-id"] == "call-7"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/price"), ("POST", "/api/v1/price"), ("GET", "/healthz/dependencies")],
)
@pytest.mark.parametrize("direct", [True, False])
async def test_an_internal_error_returns_99_and_is_logged_with_the_request_id(
    method: str, path: str, direct: bool
) -> None:
    application = application_with(FakeGateway(), fails, direct=direct)
    with capture_logs() as logs:
        result = await call(application, method, path, (b"x-request-id", b"call-7"))
    is_internal_error(result)
    (entry,) = logs
    assert (entry["event"], entry["request_id"], entry["log_level"]) == (
        "internal error",
        "call-7",
        "error",
    )
    assert entry["exc_info"]
    assert b"an internal error" not in result.body


async def test_the_application_serves_requests_after_an_internal_error() -> None:
    outcomes = iter([ZeroDivisionError("once"), None])

    async def fails_once(_: Services, __: Request) -> bytes:
        await asyncio.sleep(0)
        if (error := next(outcomes)) is not None:
            raise error
        return b'{"code":0,"msg":"","data":true}'

    application = application_with(FakeGateway(), fails_once)
    with capture_logs():
        assert (await call(application, "POST", "/v1/price")).status == 500
    assert (await call(application, "POST", "/v1/price")).status == 200


async def test_an_exception_of_blacksheep_is_an_internal_error() -> None:
    application = application_with(FakeGateway(), fails)
    application.application = cast("Any", _raising)
    with capture_logs() as logs:
        is_internal_error(
            await call(application, "POST", "/v1/price", (b"x-request-id", b"call-7"))
        )
    assert logs[0]["request_id"] == "call-7"


async def _raising(_: Any, __: Any, ___: Any) -> None:
    await asyncio.sleep(0)
    raise ZeroDivisionError


async def test_an_http_exception_determines_the_response() -> None:
    application = application_with(FakeGateway(), fails)
    application = cast("Any", application.application).application

    async def reject(_: Any) -> Any:
        await asyncio.sleep(0)
        raise BadRequest("no")

    application.router.add_get("/page", reject)
    with capture_logs() as logs:
        assert (await call(application, "GET", "/page")).status == 400
    assert logs == []


async def test_the_limiter_counts_the_client_behind_several_forwarded_headers() -> None:
    gateway = FakeGateway()

    async def quotes(_: Services, __: Request) -> bytes:
        await asyncio.sleep(0)
        return b"{}"

    forwarded = [b"192.0.2.1", b"198.51.100.7", b"10.0.0.2"]
    headers = [(b"x-forwarded-for", address) for address in forwarded]
    await call(application_with(gateway, quotes), "POST", "/v1/price", *headers)
    assert gateway.rate_limiter.seen == ["198.51.100.7"]
