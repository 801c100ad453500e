"""Somebody who is signed in to the cabinet and reads pages, over one connection."""

import re
import time
from http.client import HTTPConnection, HTTPResponse
from typing import Final
from urllib.parse import urlencode

import msgspec

FIELD: Final = re.compile(r'name="form_token" value="([^"]+)"')
LOADED: Final = re.compile(r'(?:href|src)="(/(?:static|brand)/[^"]+)"')
PASSWORD: Final = "a password for benches only"  # noqa: S105  of a server that ends with the bench


class Look(msgspec.Struct, frozen=True):
    """A page as it came: how long that took in ms, and its bytes on the wire."""

    milliseconds: float
    transferred: int
    text: str


class Visitor:
    """A browser without scripts that keeps its connection and its cookie."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._origin = f"http://127.0.0.1:{port}"
        self._cookie = ""

    def sign_in(self, email: str, given: str) -> None:
        """Sign in with a one-time password, and replace it."""
        self._post("/partner/login", {"email": email, "password": given})
        page = self.look("/partner/new-password").text
        token = FIELD.search(page)
        if token is None:
            raise RuntimeError(f"not signed in: {page[:200]}")
        fields = {
            "current_password": given,
            "new_password": PASSWORD,
            "repeated_password": PASSWORD,
        }
        self._post("/partner/new-password", {**fields, "form_token": token[1]})

    def look(self, path: str) -> Look:
        """Read a page, which has to be there."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{path} is {answer.status}")
        return Look(took, len(body) + _head(answer), body.decode(errors="replace"))

    def first_paint(self, path: str) -> int:
        """Return the bytes of a page and all that it loads, as a browser asks for them."""
        page = self.look(path)
        loaded = set(LOADED.findall(page.text))
        return page.transferred + sum(self._file(address) for address in sorted(loaded))

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _file(self, address: str) -> int:
        self._connection.request("GET", address, headers={"Accept-Encoding": "gzip"})
        answer = self._connection.getresponse()
        return len(answer.read()) + _head(answer)

    def _post(self, path: str, fields: dict[str, str]) -> None:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self._origin,
            "Cookie": self._cookie,
        }
        self._connection.request("POST", path, urlencode(fields), headers)
        answer = self._connection.getresponse()
        text = answer.read().decode(errors="replace")
        if answer.status != 303:
            raise RuntimeError(f"{path} is {answer.status}: {text[:500]}")
        cookie = answer.getheader("Set-Cookie")
        if cookie:
            self._cookie = cookie.partition(";")[0]


def _head(answer: HTTPResponse) -> int:
    return sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
