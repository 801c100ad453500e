"""The trace that the present work belongs to (W3C Trace Context), for what stores or sends it."""

from contextvars import ContextVar
from typing import Final

TRACEPARENT: Final[ContextVar[str | None]] = ContextVar("traceparent", default=None)
"""The `traceparent` of the innermost span; None without tracing, and where it is not sampled."""
