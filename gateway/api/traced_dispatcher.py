"""Serves /v1 in spans; used only with tracing on."""

from typing import Any, Final

import structlog
from opentelemetry.trace import SpanKind

from domain.partners.weights import Call
from gateway.api.dispatcher import Dispatcher
from gateway.api.endpoint import Endpoint
from gateway.http.message import RequestHeaders, Response
from gateway.runtime.tracing import Tracing, link

SIGNATURE: Final = b"x-api-sign"
REJECTED: Final = frozenset({401, 429})

log = structlog.get_logger()


class TracedDispatcher(Dispatcher):
    """A dispatcher that begins a trace with each signed call that is sampled.

    A caller's `traceparent` is a link, and only of a call that was authenticated: were it the
    parent, callers would decide what is sampled, and could have foreign calls appear in one trace.
    """

    def __init__(self, *arguments: Any, tracing: Tracing, **named: Any) -> None:
        """See Dispatcher."""
        super().__init__(*arguments, **named)
        self._tracing = tracing

    async def serve(
        self,
        endpoint: Endpoint,
        headers: RequestHeaders,
        body: bytes,
        *,
        peer: str,
        target: bytes,
        parameter: str | None = None,
    ) -> Response:
        """See Dispatcher."""
        if SIGNATURE not in headers or not self._tracing.samples():
            return await super().serve(
                endpoint, headers, body, peer=peer, target=target, parameter=parameter
            )
        with self._tracing.span(f"/v1{endpoint.path}", kind=SpanKind.SERVER) as span:
            response = await super().serve(
                endpoint, headers, body, peer=peer, target=target, parameter=parameter
            )
            span.set_attribute("http.response.status_code", response.status)
            theirs = headers.get(b"traceparent")
            if theirs is not None and response.status not in REJECTED:
                link(span, theirs.decode("latin-1"))
            if endpoint.call is Call.CREATE:
                log.info("order requested", status=response.status)
            return response
