"""OpenTelemetry spans of this process, exported to a collector; imported only with tracing on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from random import random
from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanContext, SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bound_contextvars

from domain.tracing import TRACEPARENT

EXPORT_SECONDS: Final = 2.0
"""How long an export may take; also the last one, while the process stops."""
SCHEDULE_MILLISECONDS: Final = 1_000

_PROPAGATOR: Final = TraceContextTextMapPropagator()

log = structlog.get_logger()


class _ToStructlog(logging.Handler):
    """Has the SDK's own warnings, such as that the collector fails, logged as all others are."""

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("tracing", detail=record.getMessage(), logger=record.name)


class Tracing:
    """Begins spans, all of which are exported: what is not sampled has none."""

    def __init__(self, *, service: str, endpoint: str, sample_ratio: float) -> None:
        """Export to the OTLP/HTTP URL `endpoint` in a thread, which the constructor starts."""
        self._sample_ratio = sample_ratio
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [_ToStructlog()], False
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": f"swapgate-{service}"}),
        )
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=SCHEDULE_MILLISECONDS)
        )
        self._tracer = self._provider.get_tracer("swapgate")

    def samples(self) -> bool:
        """Decide whether a call begins a trace: the SDK would take a third of its time for a no."""
        return random() < self._sample_ratio  # noqa: S311  no secret

    @contextmanager
    def span(
        self,
        name: str,
        *,
        parent: str | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: dict[str, str] | None = None,
    ) -> Iterator[Span]:
        """Run a block in a span: of the trace `parent`, a `traceparent`, or of a new one.

        Within it, TRACEPARENT is that of the span, and log entries have its `trace_id`.
        """
        context = _context(parent) if parent is not None else Context()
        with self._tracer.start_as_current_span(
            name, context=context, kind=kind, attributes=attributes
        ) as span:
            own = span.get_span_context()
            token = TRACEPARENT.set(_traceparent(own))
            try:
                with bound_contextvars(trace_id=f"{own.trace_id:032x}"):
                    yield span
            finally:
                TRACEPARENT.reset(token)

    def close(self) -> None:
        """Export what is left, and end the thread: takes up to EXPORT_SECONDS."""
        self._provider.shutdown()


def link(span: Span, traceparent: str) -> None:
    """Link a span to the trace of a caller; a malformed `traceparent` links nothing."""
    other = get_current_span(_context(traceparent)).get_span_context()
    if other.is_valid:
        span.add_link(other)


def _context(traceparent: str) -> Context:
    return _PROPAGATOR.extract({"traceparent": traceparent}, Context())


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
