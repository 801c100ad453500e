"""The applications that ours is compared with. Granian starts them by name."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

from blacksheep import Application, Content, Request, Response

ANSWER = b'{"code":0,"msg":"","data":"' + b"x" * 520 + b'"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Asgi = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def bare() -> Asgi:
    """Return an ASGI application that drains the body and answers fixed bytes."""
    _schedule()

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": ANSWER, "more_body": False})

    return application


def echo() -> Application:
    """Return a BlackSheep application that answers with the body it got."""
    _schedule()
    application = Application()

    async def handler(request: Request) -> Response:
        return Response(200, None, Content(b"application/json", await request.read() or b""))

    application.router.add_post("/v1/price", handler)
    return application


def _schedule() -> None:
    if os.environ.get("BENCH_BATCH") == "true":
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
