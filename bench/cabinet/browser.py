"""A browser session in the cabinet over one connection."""

import re
import time
from http.client import HTTPConnection, HTTPResponse
from typing import Final
from urllib.parse import urlencode

import msgspec

FIELD: Final = re.compile(r'name="form_token" value="([^"]+)"')
LOADED: Final = re.compile(r'(?:href|src)="(/(?:static|brand)/[^"]+)"')
PASSWORD: Final = "a password for benches only"  # noqa: S105  of a temporary server


class Page(msgspec.Struct, frozen=True):
    """A loaded page, its response time in ms, and its bytes on the wire."""

    milliseconds: float
    transferred: int
    text: str


class Browser:
    """A browser without JavaScript, with one connection and a session cookie."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._origin = f"http://127.0.0.1:{port}"
        self._cookie = ""

    def sign_in(self, email: str, password: str) -> None:
        """Sign in with a one-time password, and replace it."""
        self._post("/partner/login", {"email": email, "password": password})
        page = self.get("/partner/new-password").text
        token = FIELD.search(page)
        if token is None:
            raise RuntimeError(f"not signed in: {page[:200]}")
        fields = {
            "current_password": password,
            "new_password": PASSWORD,
            "repeated_password": PASSWORD,
        }
        self._post("/partner/new-password", {**fields, "form_token": token[1]})

    def get(self, path: str) -> Page:
        """Load a page; raise RuntimeError unless the status is 200."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        response = self._connection.getresponse()
        body = response.read()
        took = (time.perf_counter() - began) * 1000
        if response.status != 200:
            raise RuntimeError(f"{path} returned {response.status}")
        return Page(took, len(body) + _head(response), body.decode(errors="replace"))

    def first_paint(self, path: str) -> int:
        """Return the bytes of a page and of all files that it loads."""
        page = self.get(path)
        files = set(LOADED.findall(page.text))
        return page.transferred + sum(self._file(address) for address in sorted(files))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _file(self, address: str) -> int:
        self._connection.request("GET", address, headers={"Accept-Encoding": "gzip"})
        response = self._connection.getresponse()
        return len(response.read()) + _head(response)

    def _post(self, path: str, fields: dict[str, str]) -> None:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self._origin,
            "Cookie": self._cookie,
        }
        self._connection.request("POST", path, urlencode(fields), headers)
        response = self._connection.getresponse()
        text = response.read().decode(errors="replace")
        if response.status != 303:
            raise RuntimeError(f"{path} returned {response.status}: {text[:500]}")
        cookie = response.getheader("Set-Cookie")
        if cookie:
            self._cookie = cookie.partition(";")[0]


def _head(response: HTTPResponse) -> int:
    return sum(len(name) + len(value) + 4 for name, value in response.getheaders())
