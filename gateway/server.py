"""Granian with the settings of this application."""

import math
import os
import sys
from functools import partial
from importlib import import_module

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from prometheus_client import start_http_server

from gateway.asgi import AsgiMiddleware
from gateway.http.connections.limits import SPARE, possible_total
from gateway.runtime.health.heartbeats import Heartbeats
from gateway.runtime.metrics import worker_registry
from gateway.settings import Settings, environment_of

APPLICATION = "gateway.worker:application"
BACKLOG = 2048
HEADER_SECONDS = 10
MAX_HEAD_BYTES = 32 * 1024
"""Limit of the request line and headers together; each connection may buffer as much."""
KILL_AFTER_SECONDS = 10
"""How long a worker that has drained may take to complete what it is serving."""


def serve(
    settings: Settings, *, host: str, port: int, workers: int, metrics_port: int | None
) -> None:
    """Serve until SIGTERM or SIGINT; a worker that exits or does not respond is replaced.

    At SIGTERM the workers drain first, see gateway/runtime/health/draining.py.

    The workers read their settings and the metrics directory from the environment. Raises OSError
    if the port is in use.
    """
    os.environ.update(environment_of(settings))
    # Imported before forking: the workers start sooner and share its memory.
    import_module("gateway.worker")
    # Granian stops accepting at this number of connections, including idle ones. The workers close
    # some before it is reached: see gateway/http/connections/.
    backpressure = SPARE * possible_total(settings.connections)
    if metrics_port:
        try:
            start_http_server(metrics_port, addr="127.0.0.1", registry=worker_registry())
        except OSError as error:
            reason = f"{error.strerror} (port {metrics_port}, for metrics)"
            raise OSError(error.errno, reason) from None
    heartbeats = Heartbeats() if sys.platform == "linux" else None  # needs pidfd_open(2)
    if heartbeats is not None:
        heartbeats.watch()
    Granian(
        APPLICATION,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=MAX_HEAD_BYTES
        ),
        websockets=False,
        backlog=BACKLOG,
        backpressure=backpressure,
        respawn_failed_workers=True,
        workers_kill_timeout=math.ceil(KILL_AFTER_SECONDS + settings.draining_seconds),
        log_level=LogLevels.warning,
    ).serve(target_loader=partial(_application, heartbeats), wrap_loader=False)


def _application(heartbeats: Heartbeats | None) -> AsgiMiddleware:
    """Build the application in a worker that was forked."""
    application: AsgiMiddleware = import_module("gateway.worker").application(heartbeats)
    return application
