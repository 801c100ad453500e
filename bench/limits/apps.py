"""The applications that the service is compared with. Granian starts them by name."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from blacksheep import Application, Content, Request, Response

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Asgi = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Messages = tuple[dict[str, Any], dict[str, Any]]


def bare() -> Asgi:
    """Return an ASGI application that reads the body and returns fixed bytes by path."""
    _schedule()
    responses = {path: _messages(body.encode()) for path, body in _bodies().items()}

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        start, body = responses[scope["path"]]
        await send(start)
        await send(body)

    return application


def echo() -> Application:
    """Return a BlackSheep application that returns the request body."""
    _schedule()
    application = Application()

    async def handler(request: Request) -> Response:
        return Response(200, None, Content(b"application/json", await request.read() or b""))

    application.router.add_post("/v1/price", handler)
    return application


def _bodies() -> dict[str, str]:
    """Return the recorded responses of the service by path, from the file in BENCH_RESPONSES."""
    bodies: dict[str, str] = json.loads(Path(os.environ["BENCH_RESPONSES"]).read_bytes())
    return {"/": "", **bodies}


def _messages(body: bytes) -> Messages:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body, "more_body": False},
    )


def _schedule() -> None:
    if os.environ.get("BENCH_BATCH") == "true":
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
