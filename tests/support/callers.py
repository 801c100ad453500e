"""Threads that make signed calls until they are stopped, while a campaign lets servers fail."""

import json
import threading
from collections.abc import Callable, Iterable
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

UNAVAILABLE: Final = 11
LIMITED: Final = 5


class Callers:
    """Threads, each of which calls until `stopped` is set. `lock` guards what they record."""

    def __init__(self, works: Iterable[Callable[[], None]]) -> None:
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self._threads = [threading.Thread(target=work) for work in works]

    def start(self) -> None:
        """Start calling."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin no further work, and wait for the end of what was begun."""
        self.stopped.set()
        for thread in self._threads:
            thread.join()


def post(
    connection: HTTPConnection, path: str, body: bytes, headers: dict[str, str]
) -> dict[str, Any] | None:
    """Return the response, None where there was none."""
    try:
        connection.request("POST", path, body, {**headers, "Content-Type": "application/json"})
        response: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        connection.close()
        return None
    return response
