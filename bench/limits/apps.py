"""The applications on Granian that ours is compared with. Granian starts them by name."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from blacksheep import Application, Content, Request, Response

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Asgi = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Answer = tuple[dict[str, Any], dict[str, Any]]


def bare() -> Asgi:
    """Return an ASGI application that drains the body and answers fixed bytes, by path."""
    _schedule()
    answers = {path: _answer(body.encode()) for path, body in _bodies().items()}

    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        start, body = answers[scope["path"]]
        await send(start)
        await send(body)

    return application


def echo() -> Application:
    """Return a BlackSheep application that answers with the body it got."""
    _schedule()
    application = Application()

    async def handler(request: Request) -> Response:
        return Response(200, None, Content(b"application/json", await request.read() or b""))

    application.router.add_post("/v1/price", handler)
    return application


def _bodies() -> dict[str, str]:
    """Return what our own service has answered, by path: the file that BENCH_ANSWERS names."""
    bodies: dict[str, str] = json.loads(Path(os.environ["BENCH_ANSWERS"]).read_bytes())
    return {"/": "", **bodies}


def _answer(body: bytes) -> Answer:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body, "more_body": False},
    )


def _schedule() -> None:
    if os.environ.get("BENCH_BATCH") == "true":
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
