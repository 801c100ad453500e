"""QR code images, rendered in a thread and cached for an hour."""

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final

from domain.orders.qr import qr_png

CACHE_SECONDS: Final = 3_600.0
MAX_CACHED: Final = 4_096
"""Of about 800 bytes each: at most about 3 MB per worker."""


class QrCodes:
    """Data URLs of QR codes by payload; caches the newest few thousand for an hour.

    One thread renders all images. Rendering holds the interpreter lock, so further threads would
    not render faster, and would slow down other requests.
    """

    def __init__(
        self,
        *,
        render: Callable[[str], bytes] = qr_png,
        executor: Executor | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        max_cached: int = MAX_CACHED,
    ) -> None:
        self._render = render
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="qr")
        self._monotonic = monotonic
        self._max_cached = max_cached
        self._cached: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._rendering: dict[str, asyncio.Future[str]] = {}

    async def data_url(self, payload: str) -> str:
        """Return the image of a QR code of `payload`; concurrent callers share its rendering."""
        cached = self._cached.get(payload)
        if cached is not None and self._monotonic() - cached[0] < CACHE_SECONDS:
            self._cached.move_to_end(payload)
            return cached[1]
        rendering = self._rendering.get(payload)
        if rendering is None:
            rendering = asyncio.ensure_future(self._rendered(payload))
            self._rendering[payload] = rendering
        return await asyncio.shield(rendering)

    async def _rendered(self, payload: str) -> str:
        try:
            loop = asyncio.get_running_loop()
            image = await loop.run_in_executor(self._executor, self._render, payload)
            url = "data:image/png;base64," + base64.b64encode(image).decode()
            self._cached[payload] = self._monotonic(), url
            self._cached.move_to_end(payload)
            while len(self._cached) > self._max_cached:
                self._cached.popitem(last=False)
            return url
        finally:
            del self._rendering[payload]
