"""The entry point of a Granian worker."""

import os

from gateway.app import build
from gateway.asgi import AsgiMiddleware
from gateway.runtime.health.heartbeats import Heartbeats
from gateway.runtime.logs import configure_logs
from gateway.runtime.parent_death import die_with_parent
from gateway.settings import settings_from
from gateway.wiring.worker import GatewayProcess


def application(heartbeats: Heartbeats | None = None) -> AsgiMiddleware:
    """Build this worker's application from the environment that `serve` prepared.

    It sends `heartbeats` while it serves calls.
    """
    die_with_parent()
    configure_logs()
    settings = settings_from(os.environ)
    if settings.batch_scheduling and hasattr(os, "SCHED_BATCH"):
        # Granian passes each request between three threads. Under SCHED_BATCH they preempt each
        # other less: 2.4 times the throughput of a bare application, 1.6 of signed calls.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    return build(
        GatewayProcess(settings, own_process=True, heartbeats=heartbeats),
        body_deadline_seconds=settings.body_deadline_seconds,
        metrics=settings.metrics_on_port,
        direct=settings.direct,
    )
