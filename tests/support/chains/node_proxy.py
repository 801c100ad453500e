"""A proxy before a node that can falsify results, and hold calls before or after the node."""

import json
import threading
from collections.abc import Callable
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.chains.nodes import USER, NodeProcess, post

Alter = Callable[[str, list[Any], Any], Any]
"""Returns the result of a call instead of the node's: method, parameters, result."""


class _Server(ThreadingHTTPServer):
    """Does not report closed connections: the proxy closes them on purpose."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Log nothing."""


class NodeProxy:
    """Forwards calls to `node`, which may be replaced by another one.

    `alter` may falsify a result; a held call never gets a response. `hold_before` holds a call
    before it is forwarded, `hold_after` after the node performed it. While `is_down`, every
    connection is closed without a response.
    """

    def __init__(self, node: NodeProcess, port: int) -> None:
        self.node = node
        self.alter: Alter | None = None
        self.is_down = False
        self.hold_before: str | None = None
        self.hold_after: str | None = None
        self.held = threading.Event()
        self.methods: list[str] = []
        self._free = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                response = proxy.forward(self.path, body)
                self.send_response(200)
                self.send_header("Content-Length", str(len(response)))
                self.end_headers()
                self.wfile.write(response)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = _Server(("127.0.0.1", port), Handler)
        self.url = f"http://{USER}:{USER}@127.0.0.1:{port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forward(self, path: str, body: bytes) -> bytes:
        call = json.loads(body)
        method = call[0]["method"] if isinstance(call, list) else call["method"]
        self.methods.append(method)
        if self.is_down:
            raise ConnectionAbortedError
        self._wait(method, self.hold_before)
        response = post(self.node.url + path.rstrip("/"), body, user=self.node.user)
        self._wait(method, self.hold_after)
        if self.alter is None or isinstance(call, list):
            return response
        document = json.loads(response, parse_float=Decimal)
        document["result"] = self.alter(method, call["params"], document.get("result"))
        return json.dumps(document, default=float).encode()

    def release(self) -> None:
        """Stop holding calls; connections of held calls are closed."""
        self.hold_before = self.hold_after = None
        self.held.clear()
        self._free.set()
        self._free = threading.Event()

    def close(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def _wait(self, method: str, held_method: str | None) -> None:
        if method == held_method:
            free = self._free
            self.held.set()
            free.wait(60)
            raise ConnectionAbortedError
