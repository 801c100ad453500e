"""Pictures of QR codes, made once an hour in a thread beside the event loop."""

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
"""Of about 800 bytes each: some 3 MB a worker at most."""


class QrCodes:
    """Data URLs of QR codes by payload, the newest few thousand of the last hour.

    One thread makes them: it is computing that holds the interpreter's lock, so more of them would
    only take turns, and calls for other things must get theirs.
    """

    def __init__(
        self,
        *,
        make: Callable[[str], bytes] = qr_png,
        executor: Executor | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        most_kept: int = MAX_CACHED,
    ) -> None:
        self._make = make
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="qr")
        self._monotonic = monotonic
        self._most_kept = most_kept
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._making: dict[str, asyncio.Future[str]] = {}

    async def data_url(self, payload: str) -> str:
        """Return the picture of a code that reads `payload`; callers at once share its making."""
        kept = self._kept.get(payload)
        if kept is not None and self._monotonic() - kept[0] < CACHE_SECONDS:
            self._kept.move_to_end(payload)
            return kept[1]
        making = self._making.get(payload)
        if making is None:
            making = self._making[payload] = asyncio.ensure_future(self._made(payload))
        return await asyncio.shield(making)

    async def _made(self, payload: str) -> str:
        try:
            loop = asyncio.get_running_loop()
            picture = await loop.run_in_executor(self._executor, self._make, payload)
            url = "data:image/png;base64," + base64.b64encode(picture).decode()
            self._kept[payload] = self._monotonic(), url
            self._kept.move_to_end(payload)
            while len(self._kept) > self._most_kept:
                self._kept.popitem(last=False)
            return url
        finally:
            del self._making[payload]
