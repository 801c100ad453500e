"""A client of JSON-RPC over HTTP."""

import base64
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec

from domain.text import printable
from feeds.settlement.chains.interface import NodeRejected, NodeUnavailable

SECONDS: Final = 20.0
_ESCAPE: Final = re.compile(rb"[\\\x7f]")

_decoded = msgspec.json.Decoder(float_hook=Decimal).decode


def _decode(raw: bytes) -> Any:
    """Return the JSON of a response without characters that cannot be printed.

    Only an escape or a byte beyond ASCII can be one: blocks in hex contain neither.
    """
    found = _decoded(raw)
    return found if raw.isascii() and not _ESCAPE.search(raw) else _cleaned(found)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value, limit=None)
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(one) for name, one in value.items()}
    return value


class Rpc:
    """Calls one node. User and password in its URL are sent as Basic auth, and never repeated."""

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._url = parts._replace(netloc=host).geturl()
        self._headers = {"Content-Type": "application/json"}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None
        self.name = host
        self.failures = 0
        """How many calls got no usable response: another node may respond to the next one."""

    async def call(self, method: str, *parameters: object) -> Any:
        """Return a call's result; raise NodeUnavailable or NodeRejected."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        response = await self._post(msgspec.json.encode(body))
        if not isinstance(response, dict):
            raise self._failed("does not speak JSON-RPC")
        return _result(method, response)

    async def batch(self, method: str, parameters: Sequence[Sequence[object]]) -> list[Any]:
        """Make several calls at once and return their results, None for each that failed."""
        if not parameters:
            return []
        body = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": one}
            for number, one in enumerate(parameters)
        ]
        responses = await self._post(msgspec.json.encode(body))
        if not isinstance(responses, list):
            raise self._failed("does not accept several calls at once")
        by_number = {response.get("id"): response.get("result") for response in responses}
        return [by_number.get(number) for number in range(len(parameters))]

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, body: bytes) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        try:
            async with self._session.post(self._url, data=body) as response:
                return _decode(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._failed(f"does not respond: {type(error).__name__}") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._failed("does not speak JSON-RPC") from error

    def _failed(self, what: str) -> NodeUnavailable:
        self.failures += 1
        return NodeUnavailable(f"{self.name} {what}")


def _result(method: str, response: dict[str, Any]) -> Any:
    error = response.get("error")
    if error:
        details = error if isinstance(error, dict) else {}
        code = details.get("code")
        raise NodeRejected(
            method, code if isinstance(code, int) else 0, str(details.get("message", error))
        )
    return response.get("result")
